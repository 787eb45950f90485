package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/restic/restic/rwmlink/archiver"
	resticerrors "github.com/restic/restic/rwmlink/errors"
	"github.com/restic/restic/rwmlink/fs"
	"github.com/restic/restic/rwmlink/repository"
)

// Backup makes a snapshot.
//
// When some of the source could not be read the snapshot is made of the rest, and Backup returns the result together with an error that
// wraps ErrIncomplete. With any other error there is no snapshot; what was uploaded until then is used by the next backup or removed by
// prune. When no path exists at all nothing is written, and the error wraps ErrNoSource.
//
// restic's command collects garbage twice as often as other Go programs (GOGC=50). A library does not decide that for the program it runs
// in; call debug.SetGCPercent where memory is short.
func (s *Session) Backup(ctx context.Context, b BackupOptions) (*BackupResult, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	engine, err := b.engine(s.opts)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	run := backupRun{session: s, BackupOptions: b, host: b.Host, at: b.Time, start: time.Now(), result: &BackupResult{DryRun: b.DryRun}}
	if b.local() {
		if run.targets, run.missing, err = existing(b.Paths); err != nil {
			return nil, err
		}
	}
	if run.at.IsZero() {
		run.at = s.opts.clock()
	}
	if run.host == "" {
		run.host = s.hostname()
	}
	run.em = newEmitter(b.OnEvent)
	defer run.em.stop()
	defer s.stack.listen(run.em)()

	if b.DryRun {
		err = s.use(ctx, 1, func(ctx context.Context) error { return s.dryRun(ctx, engine, run.make) })
	} else {
		err = s.writeWith(ctx, engine, run.make)
	}
	if err != nil {
		return nil, err
	}
	return run.result, run.result.incomplete(s.loc)
}

// dryRun runs fn, without a lock, with a repository object that writes nothing.
func (s *Session) dryRun(ctx context.Context, engine repository.Options, fn func(ctx context.Context, repo *repository.Repository) error) error {
	repo, err := s.freshWith(ctx, engine, true)
	if err != nil {
		return err
	}
	if err := repo.LoadIndex(ctx, nil); err != nil {
		return fmt.Errorf("%s: loading the index: %w", s.loc, err)
	}
	repo.SetDryRun()
	return fn(ctx, repo)
}

func (s *Session) hostname() string {
	if s.opts.hostname != "" {
		return s.opts.hostname
	}
	name, err := os.Hostname()
	if err != nil {
		s.opts.logger.Warn("the host has no name", "error", oneLine(err))
	}
	return name
}

// backupRun is one backup under way.
type backupRun struct {
	BackupOptions
	session *Session
	targets []string
	missing []missing
	host    string
	at      time.Time
	start   time.Time
	em      *emitter
	result  *BackupResult
}

// make makes the snapshot.
func (r *backupRun) make(ctx context.Context, repo *repository.Repository) error {
	s := r.session
	progress := newBackupProgress(r.em, r.Items, r.result)
	defer progress.stop()
	for _, m := range r.missing {
		progress.failed(m.path, m.err)
	}
	parent, err := s.parent(ctx, repo, &r.BackupOptions, r.targets, r.host, r.at)
	if err != nil {
		return err
	}
	if parent != nil {
		r.result.ParentID = fromEngine(parent.ID())
	}
	if r.local() {
		r.em.emit(BackupStarted{Parent: r.result.ParentID})
	}
	warn := func(format string, args ...interface{}) {
		r.em.emit(Warning{Text: oneLine(fmt.Errorf(format, args...))})
	}
	source, targets, err := r.source(ctx, r.targets, r.at, warn)
	if err != nil {
		return err
	}
	cacheDir := ""
	if s.cache != nil {
		cacheDir = s.cache.BaseDir()
	}
	byName, err := r.byName(cacheDir, warn)
	if err != nil {
		return err
	}
	byInfo, err := r.byInfo(targets, source, warn)
	if err != nil {
		return err
	}

	stopScan := r.scan(ctx, source, targets, byName, byInfo, progress)
	arch := r.archiver(repo, source, byName, byInfo, progress)
	sn, id, summary, err := arch.Snapshot(ctx, targets, archiver.SnapshotOptions{
		Excludes: r.Excludes, Tags: r.Tags, BackupStart: r.start, Time: r.at, Hostname: r.host,
		ParentSnapshot: parent, ProgramVersion: programVersion(), SkipIfUnchanged: r.SkipIfUnchanged,
	})
	stopScan()
	if err != nil {
		return r.failure(ctx, err)
	}
	r.result.add(summary)
	if sn == nil || r.DryRun {
		return nil
	}
	r.result.SnapshotID = ID(id)
	s.view.add(ctx, sn, id)
	return nil
}

func (r *backupRun) failure(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrLockLost) {
		err = ErrLockLost
	} else if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("backup of %v: no snapshot was made: %w", r.what(), err)
}

func (r *backupRun) what() any {
	if r.local() {
		return r.Paths
	}
	return "standard input"
}

func (r *backupRun) archiver(repo *repository.Repository, source fs.FS, byName archiver.SelectByNameFunc, byInfo archiver.SelectFunc, p *backupProgress) *archiver.Archiver {
	arch := archiver.New(repo, source, archiver.Options{ReadConcurrency: r.ReadConcurrency})
	arch.SelectByName, arch.Select, arch.WithAtime = byName, byInfo, r.WithAtime
	arch.Error = func(item string, err error) error {
		p.failed(item, err)
		// the engine calls an error fatal when going on makes no sense, for instance when the command that is backed up failed
		if resticerrors.IsFatal(err) {
			return err
		}
		return nil
	}
	arch.StartFile, arch.CompleteBlob, arch.CompleteItem = p.startFile, p.completeBlob, p.completeItem
	if r.IgnoreInode {
		// where inode numbers cannot be relied on, ctimes cannot either
		arch.ChangeIgnoreFlags |= archiver.ChangeIgnoreInode | archiver.ChangeIgnoreCtime
	}
	if r.IgnoreCtime {
		arch.ChangeIgnoreFlags |= archiver.ChangeIgnoreCtime
	}
	return arch
}

// scan finds the totals beside the backup. The returned function ends it and waits for its end.
func (r *backupRun) scan(ctx context.Context, source fs.FS, targets []string, byName archiver.SelectByNameFunc, byInfo archiver.SelectFunc, p *backupProgress) func() {
	if r.NoScan || !r.em.wanted() || !r.local() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	sc := archiver.NewScanner(source)
	sc.SelectByName, sc.Select, sc.Error, sc.Result = byName, byInfo, p.scanFailed, p.scanned
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := sc.Scan(ctx, targets); err != nil && ctx.Err() == nil {
			_ = p.scanFailed("", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// programVersion is recorded in snapshots.
var programVersion = sync.OnceValue(func() string {
	const engine = "github.com/restic/restic"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == engine {
				return "restic " + dep.Version[1:] + " (rwm)"
			}
		}
	}
	return "restic (rwm)"
})
