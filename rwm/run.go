package rwm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// BackupAll runs every configured backup, in the order of [Config.BackupNames]. See
// [Manager.Backup].
func (m *Manager) BackupAll(ctx context.Context) (*Report, error) {
	m = m.made()
	names := m.cfg.BackupNames()
	if len(names) == 0 {
		return nil, m.cfg.source.at("backups", "there are none, so there is nothing to run")
	}
	return m.Backup(ctx, names...)
}

// Backup runs the named backups one after the other: the prerun commands, the backup,
// the postrun commands. If all of them succeeded, it forgets the snapshots that the
// retention does not keep and prunes the repository. Then the state of the bucket is
// saved, even if a backup failed.
//
// A problem that makes the whole run pointless is found before the first hook. It is
// returned as an error without a report, and nothing was changed: an unknown name
// ([ErrUnknownBackup]), another run in progress on this host ([*RunLockedError]), no
// repository, a wrong password, another lock on the repository ([restic.ErrLocked]), a
// policed bucket whose versioning is off ([s3state.ErrNotVersioned]) and the like.
// After that the error is the report's ([Report.Err], a [*RunError]), and the report
// has a row for every step that the run reached. When ctx ends, the current step is
// stopped and the others are left out, including saving the state.
func (m *Manager) Backup(ctx context.Context, names ...string) (*Report, error) {
	m = m.made()
	defer m.events.Rethrow()
	plan, err := m.plan(names)
	if err != nil {
		return nil, err
	}
	r := &run{Manager: m, report: &Report{Run: newRunID()}}
	lock, err := r.lockRun(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.release()

	defer r.close(ctx)
	if err := r.prepare(ctx, plan); err != nil {
		return nil, err
	}
	r.emit(RunStarted{Backups: plan.names})
	r.all(ctx, plan)
	if ctx.Err() != nil && r.report.OK() {
		return r.report, ctx.Err()
	}
	return r.report, r.report.Err()
}

// plan is what a run is going to do, checked.
type plan struct {
	names []string
	args  map[string]*resticflags.BackupArgs
	base  resticflags.Access // of backup_extras
}

func (m *Manager) plan(names []string) (*plan, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no name given%s", ErrUnknownBackup, didYouMean("", m.cfg.BackupNames()))
	}
	base, err := parseExtras(m.cfg.BackupExtras)
	if err != nil {
		return nil, m.cfg.source.at("backup_extras", "%s", err)
	}
	p := &plan{args: map[string]*resticflags.BackupArgs{}, base: sessionAccess(base)}
	for _, name := range names {
		backup, ok := m.cfg.Backups[name]
		if !ok {
			return nil, fmt.Errorf("%w: %q%s; nothing was done", ErrUnknownBackup, name, didYouMean(name, m.cfg.BackupNames()))
		}
		if slices.Contains(p.names, name) {
			continue
		}
		args, err := parseExtras(m.cfg.BackupExtras, backup.Extras)
		if err != nil {
			return nil, m.cfg.source.at("backups."+name+".extras", "%s", err)
		}
		p.names = append(p.names, name)
		p.args[name] = args
	}
	return p, m.needRepository()
}

// dry reports whether a backup of the run only shows what it would do. A retention
// after it would remove old snapshots, and no new one is there.
func (p *plan) dry() bool {
	for _, args := range p.args {
		if args.DryRun {
			return true
		}
	}
	return false
}

// sessionAccess is what of the arguments needs a repository opened with it.
// Compression and pack size are options of a single backup, and the client is there.
func sessionAccess(args *resticflags.BackupArgs) resticflags.Access {
	access := args.Access
	_, _ = access.TakeS3() // checked by parseExtras
	access.HTTP = resticflags.HTTP{}
	access.Compression, access.PackSize = "", 0
	return access
}

// run is one backup run.
type run struct {
	*Manager
	report  *Report
	session *restic.Session
	key     string // the session's options

	unversioned bool // the bucket keeps no versions, and that was accepted
}

// silence is how long a run may take to begin without a word.
const silence = 3 * time.Second

// prepare finds out, without changing anything, whether the run can work.
func (r *run) prepare(ctx context.Context, p *plan) error {
	for _, text := range r.cfg.Warnings() {
		r.warn(text)
	}
	checkCtx, stop := context.WithCancel(ctx)
	defer stop()
	late := time.NewTimer(silence)
	defer late.Stop()
	checked := make(chan error, 1)
	go func() {
		if r.cfg.Location != nil {
			checked <- nil
			return
		}
		versioned, err := r.checkBucket(checkCtx)
		r.unversioned = !versioned
		checked <- err
	}()
	err := r.open(ctx, sessionAccess(p.args[p.names[0]]))
	if err != nil {
		stop() // its reason is the same, or of no interest without a repository
	}
	// The repository says itself what it waits for; the bucket is asked silently.
	checkErr, done := received(checked, late.C)
	if !done {
		r.emit(Waiting{What: "checking bucket " + r.cfg.ResticBucket, Err: r.observed.LastFailure()})
		checkErr = <-checked
	}
	if err == nil {
		err = checkErr
	}
	if err != nil {
		return err
	}
	var tried sync.WaitGroup
	if r.cfg.Location == nil {
		tried.Go(func() { r.tryAccess(ctx) })
	}
	defer tried.Wait()
	return r.lockRepository(ctx)
}

// received waits for the error, but not longer than until late.
func received(checked <-chan error, late <-chan time.Time) (err error, done bool) {
	select {
	case err = <-checked:
		return err, true
	default:
	}
	select {
	case err = <-checked:
		return err, true
	case <-late:
		return nil, false
	}
}

// lockRepository takes the lock the run will need, so that a lock in the way shows
// before the hooks have done their work. Any other trouble is for the backups to
// report.
func (r *run) lockRepository(ctx context.Context) error {
	_, err := r.session.Snapshots(ctx, restic.SnapshotFilter{})
	if errors.Is(err, restic.ErrLocked) || ctx.Err() != nil {
		return err
	}
	return nil
}

// open makes r.session one that has the given options. All backups of a run
// share a session unless their extras differ in a way that forbids it.
func (r *run) open(ctx context.Context, access resticflags.Access) error {
	key := fmt.Sprintf("%+v", access)
	if r.session != nil && r.key == key {
		return nil
	}
	r.close(ctx)
	opts, err := access.SessionOptions()
	if err != nil {
		return err
	}
	session, err := restic.Open(ctx, r.Location(), r.cfg.ResticPassword, r.sessionOptionsOf(r.report.Run, opts)...)
	if err != nil {
		return err
	}
	r.session, r.key = session, key
	return nil
}

// close gives the repository's lock back.
func (r *run) close(ctx context.Context) {
	if r.session == nil {
		return
	}
	if err := r.session.CloseContext(ctx); err != nil {
		r.warn("closing the repository: " + err.Error())
	}
	r.session = nil
}

func (r *run) all(ctx context.Context, p *plan) {
	for _, name := range p.names {
		r.step(ctx, StepBackup, name, func(ctx context.Context, row *Row) error {
			return r.backup(ctx, name, p.args[name], row)
		})
	}
	switch {
	case len(r.cfg.Retention) == 0 && r.cfg.Policy == nil:
	case !r.report.OK():
		r.emit(StepSkipped{StepRetention, "not every backup succeeded"})
	case p.dry():
		r.emit(StepSkipped{StepRetention, "a backup has --dry-run, so it made no snapshot"})
	default:
		r.step(ctx, StepRetention, NameRetention, func(ctx context.Context, row *Row) error {
			return r.retention(ctx, p, row)
		})
	}
	r.close(ctx) // or the state would contain our lock
	if r.cfg.Location != nil {
		r.emit(StepSkipped{StepState, "the repository is not in the configured bucket"})
		return
	}
	if r.unversioned {
		r.emit(StepSkipped{StepState, "the bucket keeps no versions, so a state of it could bring nothing back"})
		return
	}
	r.step(ctx, StepState, NameState, r.saveState)
}

// step runs one step and keeps its row, unless ctx has ended before.
func (r *run) step(ctx context.Context, step Step, name string, do func(ctx context.Context, row *Row) error) {
	if ctx.Err() != nil {
		r.emit(StepSkipped{step, "the run was interrupted"})
		return
	}
	r.emit(StepStarted{step, name})
	row := Row{Step: step, Name: name, Start: r.now()}
	row.Err = do(ctx, &row)
	row.Seconds = r.now().Sub(row.Start).Seconds()
	row.ReturnCode = returnCode(row.Err)
	row.OK = row.Err == nil
	r.report.Rows = append(r.report.Rows, row)
	r.emit(StepFinished{row})
}

// backup is one configured backup with its hooks. The first failure ends it.
func (r *run) backup(ctx context.Context, name string, args *resticflags.BackupArgs, row *Row) error {
	backup := r.cfg.Backups[name]
	if err := r.goHook(ctx, name, PhaseBefore, backup.Before); err != nil {
		return err
	}
	if err := r.runHooks(ctx, name, PhasePreRun, backup.PreRun); err != nil {
		return err
	}
	if err := r.open(ctx, sessionAccess(args)); err != nil {
		return err
	}
	options, err := r.backupOptions(ctx, name, args)
	if err != nil {
		return err
	}
	if row.Backup, err = r.session.Backup(ctx, options); err != nil {
		return err
	}
	if err := r.runHooks(ctx, name, PhasePostRun, backup.PostRun); err != nil {
		return err
	}
	return r.goHook(ctx, name, PhaseAfter, backup.After)
}

// goHook runs a hook that is a function.
func (r *run) goHook(ctx context.Context, backup string, phase HookPhase, hook func(context.Context) error) error {
	if hook == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.emit(HookStarted{Backup: backup, Phase: phase})
	err := events.Try(func() error { return hook(ctx) })
	if err == nil || ctx.Err() != nil && restic.Interrupted(err) {
		return err
	}
	return &HookError{Backup: backup, Phase: phase, Code: 1, Err: events.Own(ctx, err)}
}

func (r *run) runHooks(ctx context.Context, backup string, phase HookPhase, commands []string) error {
	return r.hooks.run(ctx, backup, phase, commands, func(index int, command string) {
		r.emit(HookStarted{backup, phase, index, command})
	})
}

func (r *run) backupOptions(ctx context.Context, name string, args *resticflags.BackupArgs) (restic.BackupOptions, error) {
	backup := r.cfg.Backups[name]
	options, err := args.Options(ctx, slices.Concat(backup.FilesDirs, args.Paths), nil, r.warn)
	if err != nil {
		return options, err
	}
	if err := args.Packing(&options); err != nil {
		return options, err
	}
	options.Excludes = slices.Concat(backup.Excludes, options.Excludes)
	options.Tags = slices.Concat(splitTags(backup.Tags), options.Tags)
	if r.cfg.AutoTags && !slices.Contains(options.Tags, name) {
		options.Tags = append(options.Tags, name)
	}
	options.Items = args.Verbose > 0
	options.OnEvent = r.passOn(StepBackup, name)
	return options, nil
}

func (r *run) passOn(step Step, name string) func(restic.Event) {
	if r.events == nil {
		return nil
	}
	return func(event restic.Event) { r.emit(RepositoryEvent{step, name, event}) }
}

// splitTags takes "a,b" for two tags, as restic's --tag does: configurations of
// the Python RWM count on it.
func splitTags(tags []string) (out []string) {
	for _, t := range tags {
		for part := range strings.SplitSeq(t, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}
