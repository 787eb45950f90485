package rwm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// BackupAll runs every configured backup, in the order of their names. See
// [Manager.Backup].
func (m *Manager) BackupAll(ctx context.Context) (*Report, error) {
	names := slices.Sorted(maps.Keys(m.cfg.Backups))
	if len(names) == 0 {
		return nil, m.cfg.source.at("backups", "there are none, so there is nothing to run")
	}
	return m.Backup(ctx, names...)
}

// Backup runs the named backups one after the other: the prerun commands, the
// backup, the postrun commands. If all of them succeeded snapshots that the
// retention does not keep are forgotten and the repository is pruned. Then the
// state of the bucket is saved, even if a backup failed.
//
// Whatever makes a run pointless is found before the first hook and is an error
// without a report, with nothing changed: an unknown name ([ErrUnknownBackup]),
// another run at work on this host ([*RunLockedError]), no repository, a wrong
// password, somebody else's lock on the repository ([restic.ErrLocked]), a bucket without versioning ([s3state.ErrNotVersioned]) and the
// like. After that the error is the report's ([Report.Err], a [*RunError]), and
// the report has a row for every step the run came to. When ctx ends, what is
// running is stopped and the rest, the saving of the state included, left out.
func (m *Manager) Backup(ctx context.Context, names ...string) (*Report, error) {
	plan, err := m.plan(names)
	if err != nil {
		return nil, err
	}
	lock, err := takeRunLock(m.cfg.lockPath(), m.now())
	if err != nil {
		return nil, err
	}
	defer lock.release()

	r := &run{Manager: m, report: &Report{}}
	defer r.close()
	if err := r.prepare(ctx, plan); err != nil {
		return nil, err
	}
	m.emit(RunStarted{Backups: plan.names})
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
		return nil, fmt.Errorf("%w: no name given%s", ErrUnknownBackup, didYouMean("", m.backupNames()))
	}
	base, err := parseExtras(m.cfg.BackupExtras)
	if err != nil {
		return nil, m.cfg.source.at("backup_extras", "%s", err)
	}
	p := &plan{args: map[string]*resticflags.BackupArgs{}, base: sessionAccess(base)}
	for _, name := range names {
		backup, ok := m.cfg.Backups[name]
		if !ok {
			return nil, fmt.Errorf("%w: %q%s; nothing was done", ErrUnknownBackup, name, didYouMean(name, m.backupNames()))
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

func (m *Manager) backupNames() []string { return slices.Sorted(maps.Keys(m.cfg.Backups)) }

// sessionAccess is what of the arguments needs a repository opened with it.
// Compression and pack size are options of a single backup.
func sessionAccess(args *resticflags.BackupArgs) resticflags.Access {
	access := args.Access
	access.Compression, access.PackSize = "", 0
	return access
}

// run is one backup run.
type run struct {
	*Manager
	report  *Report
	session *restic.Session
	key     string // the session's options
}

// prepare finds out, without changing anything, whether the run can work.
func (r *run) prepare(ctx context.Context, p *plan) error {
	for _, text := range r.cfg.Warnings() {
		r.warn(text)
	}
	checkCtx, stop := context.WithCancel(ctx)
	defer stop()
	checked := make(chan error, 1)
	go func() { checked <- r.checkBucket(checkCtx) }()
	err := r.open(ctx, sessionAccess(p.args[p.names[0]]))
	if err != nil {
		stop() // its reason is the same, or of no interest without a repository
	}
	if checkErr := <-checked; err == nil {
		err = checkErr
	}
	if err != nil {
		return err
	}
	var tried sync.WaitGroup
	tried.Go(func() { r.tryAccess(ctx) })
	defer tried.Wait()
	return r.lockRepository(ctx)
}

// lockRepository takes the lock the run will need, so that somebody else's shows
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
	r.close()
	opts, err := access.SessionOptions()
	if err != nil {
		return err
	}
	session, err := r.OpenRepository(ctx, opts...)
	if err != nil {
		return err
	}
	r.session, r.key = session, key
	return nil
}

// close gives the repository's lock back.
func (r *run) close() {
	if r.session == nil {
		return
	}
	if err := r.session.Close(); err != nil {
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
	case len(r.cfg.Retention) == 0:
	case !r.report.OK():
		r.emit(StepSkipped{StepRetention, "not every backup succeeded"})
	default:
		r.step(ctx, StepRetention, string(StepRetention), func(ctx context.Context, row *Row) error {
			return r.retention(ctx, p, row)
		})
	}
	r.close() // or the state would contain our lock
	r.step(ctx, StepState, string(StepState), r.saveState)
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
	row.Duration = r.now().Sub(row.Start)
	row.ReturnCode = ExitCode(row.Err)
	row.OK = row.Err == nil
	r.report.Rows = append(r.report.Rows, row)
	r.emit(StepFinished{row})
}

// backup is one configured backup with its hooks. The first failure ends it.
func (r *run) backup(ctx context.Context, name string, args *resticflags.BackupArgs, row *Row) error {
	backup := r.cfg.Backups[name]
	if err := r.runHooks(ctx, name, "prerun", backup.PreRun); err != nil {
		return err
	}
	if err := r.open(ctx, sessionAccess(args)); err != nil {
		return err
	}
	options, err := r.backupOptions(name, args)
	if err != nil {
		return err
	}
	if row.Backup, err = r.session.Backup(ctx, options); err != nil {
		return err
	}
	return r.runHooks(ctx, name, "postrun", backup.PostRun)
}

func (r *run) runHooks(ctx context.Context, backup, phase string, commands []string) error {
	return r.hooks.run(ctx, backup, phase, commands, func(index int, command string) {
		r.emit(HookStarted{backup, phase, index, command})
	})
}

func (r *run) backupOptions(name string, args *resticflags.BackupArgs) (restic.BackupOptions, error) {
	backup := r.cfg.Backups[name]
	options, err := args.Options(slices.Concat(backup.FilesDirs, args.Paths), nil, r.warn)
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

// retention forgets and prunes.
func (r *run) retention(ctx context.Context, p *plan, row *Row) error {
	policy, err := r.cfg.Retention.Policy()
	if err != nil {
		return err
	}
	if err := r.open(ctx, p.base); err != nil {
		return err
	}
	row.Forget, err = r.session.Forget(ctx, restic.ForgetOptions{
		Policy:  policy,
		Prune:   &restic.PruneOptions{},
		OnEvent: r.passOn(StepRetention, string(StepRetention)),
	})
	if err == nil && len(row.Forget.Unreadable) > 0 {
		return errors.Join(restic.ErrDamaged, fmt.Errorf("%d snapshots cannot be read and were left alone", len(row.Forget.Unreadable)))
	}
	return err
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
