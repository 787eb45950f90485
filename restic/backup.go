package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engerrors "github.com/restic/restic/rwmlink/errors"
	engfs "github.com/restic/restic/rwmlink/fs"
	engrepository "github.com/restic/restic/rwmlink/repository"

	"github.com/cesnet/rwm/internal/events"
)

// Backup makes a snapshot.
//
// If some of the source's files cannot be read, the snapshot holds the rest, and Backup
// returns the result together with an error that wraps ErrIncomplete. With any other
// error there is no snapshot; the next backup uses the data uploaded so far, or prune
// removes it. If no path exists, nothing is written, and the error wraps ErrNoSource.
//
// A stream (Reader, Command, Files) is saved whole or not at all: if it fails there is
// no snapshot, and the error wraps the stream's own.
//
// On Linux, directories are compared with the parent's trees in parallel, ahead of
// restic's archiver, which then sees only what differs. The snapshot is the one it
// would make alone; BackupScanned may then come only at the end, and BackupError events
// of the scan not at all. WithAtime and Items leave everything to the archiver.
//
// restic's command collects garbage twice as often as other Go programs (GOGC=50). A
// library cannot decide that for its program; call debug.SetGCPercent if memory is
// short.
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
	run.em = events.New(b.OnEvent)
	defer run.em.Stop()
	defer s.stack.listen(run.em)()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run.guardSelect(cancel)

	a := access{write: true, index: true, stored: &run.stored, packing: &engine, sealed: true}
	if b.DryRun {
		a = access{lock: noLock, object: dryRunObject, index: true, stored: &run.stored, packing: &engine, sealed: true}
	}
	err = s.run(ctx, a, run.make)
	if err = errors.Join(err, run.stream.finish()); err != nil {
		return nil, err
	}
	return run.result, run.result.incomplete(s.loc)
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

// backupRun is one backup in progress.
type backupRun struct {
	BackupOptions
	session *Session
	targets []string
	missing []missing
	host    string
	at      time.Time
	start   time.Time
	stream  *stream // nil for files
	em      *emitter
	result  *BackupResult
	stored  *storedBlobs // as in access
}

// make makes the snapshot.
func (r *backupRun) make(ctx context.Context, engine *engrepository.Repository) error {
	repo := &backupRepository{engine, r.stored}
	if r.Files != nil {
		return r.makeFromFiles(ctx, repo)
	}
	s := r.session
	progress := newBackupProgress(r.em, r.Items, r.result)
	defer progress.stop()
	for _, m := range r.missing {
		progress.failed(m.path, m.err)
	}
	parent, err := s.parent(ctx, engine, &r.BackupOptions, r.targets, r.host, r.at, func(text string) { r.em.Emit(Warning{Text: text}) })
	if err != nil {
		return err
	}
	if parent != nil {
		r.result.ParentID = fromEngine(parent.ID())
	}
	if r.local() {
		r.em.Emit(BackupStarted{Parent: r.result.ParentID})
	}
	warn := func(format string, args ...interface{}) {
		r.em.Emit(Warning{Text: oneLine(fmt.Errorf(format, args...))})
	}
	source, targets, err := r.source(ctx, r.targets, r.at, warn)
	if err != nil {
		return err
	}
	cacheDir := ""
	if s.cache != nil {
		cacheDir = s.cache.BaseDir()
	}
	byName, err := r.byName(ctx, cacheDir, warn)
	if err != nil {
		return err
	}
	byInfo, err := r.byInfo(targets, source, warn)
	if err != nil {
		return err
	}

	trees := &parentTrees{repo: engine}
	arch := r.archiver(&sealedRepository{repo, trees}, source, byName, byInfo, progress)
	var ahead *fastBackup
	if r.fast(parent) {
		ahead = r.newFastBackup(ctx, repo, trees, source, byName, byInfo, progress)
		defer ahead.stop()
		ahead.serve(arch)
	}
	totals := r.newScan(source, targets, byName, byInfo, progress)
	if ahead == nil {
		totals.start(ctx)
	} else {
		progress.late = func() { totals.start(ctx) }
	}
	sn, id, summary, err := arch.Snapshot(ctx, targets, engarchiver.SnapshotOptions{
		Excludes: r.Excludes, Tags: r.Tags, BackupStart: r.start, Time: r.at, Hostname: r.host,
		ParentSnapshot: parent, ProgramVersion: programVersion(), SkipIfUnchanged: r.SkipIfUnchanged,
	})
	totals.stop()
	if err != nil {
		return r.failure(ctx, err)
	}
	if ahead != nil {
		if totals.scanner != nil && totals.cancel == nil {
			progress.allDone()
		}
		ahead.complete(sn, summary)
		if told := s.opts.ahead.hidden; told != nil {
			told(ahead.hidden)
		}
	}
	trees.warn(r.em)
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
	} else if own := r.stream.failure(); own != nil && !errors.Is(err, own) {
		err = fmt.Errorf("%w: %w", own, err)
	}
	return fmt.Errorf("backup of %v: no snapshot was made: %w", r.what(), err)
}

func (r *backupRun) what() any {
	switch {
	case r.local():
		return r.Paths
	case r.FS != nil:
		return "a file system"
	case len(r.Command) > 0:
		return "the output of " + r.Command[0]
	case r.Files != nil:
		return "files"
	case r.ReaderName != "":
		return r.ReaderName
	}
	return "standard input"
}

func (r *backupRun) archiver(repo *sealedRepository, source engfs.FS, byName engarchiver.SelectByNameFunc, byInfo engarchiver.SelectFunc, p *backupProgress) *engarchiver.Archiver {
	arch := engarchiver.New(repo, source, engarchiver.Options{ReadConcurrency: r.ReadConcurrency})
	arch.SelectByName, arch.WithAtime = byName, r.WithAtime
	if byInfo != nil {
		arch.Select = byInfo
	}
	arch.Error = func(item string, err error) error {
		p.failed(item, err)
		// what is left of a broken stream would pass for a good backup
		if r.stream != nil {
			return err
		}
		// the engine calls an error fatal when it cannot continue, for instance because
		// the backed-up command failed
		if engerrors.IsFatal(err) {
			return err
		}
		return nil
	}
	arch.StartFile, arch.CompleteBlob, arch.CompleteItem = p.startFile, p.completeBlob, p.completeItem
	if r.IgnoreInode {
		// where inode numbers are unreliable, ctimes are too
		arch.ChangeIgnoreFlags |= engarchiver.ChangeIgnoreInode | engarchiver.ChangeIgnoreCtime
	}
	if r.IgnoreCtime {
		arch.ChangeIgnoreFlags |= engarchiver.ChangeIgnoreCtime
	}
	return arch
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
