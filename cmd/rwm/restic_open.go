package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// repository is what a restic command works on.
type repository struct {
	app      *app
	name     string          // as the user knows it
	manager  *rwm.Manager    // of the configured repository; nil for -r
	location restic.Location // of -r, or to be opened without the configured password
	password string
	typed    bool // on a terminal, so that it can be typed again
	opts     []restic.Option
	s3       resticflags.S3 // of -o s3.…
}

// session opens the repository of the command line, with the flags given there.
func (a *app) session(opts ...restic.Option) (*restic.Session, error) {
	r, err := a.repository(a.cli.Restic.Access, opts...)
	if err != nil {
		return nil, err
	}
	if f := a.cli.Restic.momentFlags; f.given() {
		if err := r.past(f); err != nil {
			return nil, err
		}
	}
	return r.open()
}

// floorSize is what the garbage collector takes as used at least: it lets half of it
// come together before it collects, however small the heap is.
const floorSize = 64 << 20

// raiseFloor spares a command that reads many small trees a collection for every few
// megabytes: on a heap of 20 MB these took a fifth of its CPU. It is called once the
// keys are derived. Making the floor has the tables of that, up to 96 MB, collected
// first, so that their memory is used again and the process takes no more.
func (a *app) raiseFloor() {
	if os.Getenv("GOGC") == "" {
		a.floor = make([]byte, floorSize) // never touched, so it is no memory
	}
}

// close unlocks, several repositories at the same time; nil is none. An error of it
// matters only if nothing else went wrong.
func (a *app) close(sessions ...*restic.Session) {
	a.bar.end()
	errs := make([]error, len(sessions))
	var closing sync.WaitGroup
	for i, s := range sessions {
		if s != nil {
			closing.Go(func() { errs[i] = s.Close() })
		}
	}
	closing.Wait()
	for _, err := range errs {
		if err != nil {
			a.warn("rwm: closing the repository: %v", err)
		}
	}
}

// passwordTries is how often a password can be typed.
const passwordTries = 3

func (r *repository) open() (*restic.Session, error) {
	if err := r.app.cleanupOldCaches(); err != nil {
		return nil, err
	}
	s, err := r.openIn(r.app.ctx)
	if err == nil {
		r.app.raiseFloor()
	}
	return s, err
}

func (r *repository) openIn(ctx context.Context) (*restic.Session, error) {
	if r.location == nil {
		return r.manager.OpenRepository(ctx, r.opts...)
	}
	for try := 1; ; try++ {
		s, err := restic.Open(ctx, r.location, r.password, r.opts...)
		if !r.typed || try == passwordTries || !errors.Is(err, restic.ErrWrongPassword) {
			return s, err
		}
		r.app.warn("rwm: wrong password, try again")
		if r.password, err = ask(r.app, passwordPrompt); err != nil {
			return nil, err
		}
	}
}

// openBoth opens two repositories at the same time, or one after the other if a typed
// password may have to be asked for again. The first failure ends both.
func (a *app) openBoth(first, second *repository) (one, two *restic.Session, err error) {
	if err := a.cleanupOldCaches(); err != nil {
		return nil, nil, err
	}
	g, ctx := errgroup.WithContext(a.ctx)
	if first.typed || second.typed {
		g.SetLimit(1)
	}
	g.Go(func() (err error) { one, err = first.openIn(ctx); return err })
	g.Go(func() (err error) { two, err = second.openIn(ctx); return err })
	if err = g.Wait(); err == nil {
		a.raiseFloor()
		return one, two, nil
	}
	a.close(one, two)
	return nil, nil, err
}

func (r *repository) init() (*restic.Session, error) {
	if r.location != nil {
		return restic.Init(r.app.ctx, r.location, r.password, r.opts...)
	}
	return r.manager.InitRepository(r.app.ctx, r.opts...)
}

// repository finds out which repository is meant: that of -r or
// --repository-file if given, else the configured one, else that of restic's
// environment variables.
func (a *app) repository(access resticflags.Access, more ...restic.Option) (*repository, error) {
	r, err := a.namedRepository(access, more)
	if err != nil {
		return nil, err
	}
	cfg, err := a.optionalConfig()
	if err != nil {
		return nil, err
	}
	if r.name == "" && cfg.ResticBucket == "" {
		if r.name, err = repositoryName(a.ctx, os.Getenv("RESTIC_REPOSITORY"), os.Getenv("RESTIC_REPOSITORY_FILE")); err != nil {
			return nil, usageError{err}
		}
	}
	if r.name == "" {
		return r, r.configured(access)
	}
	// The configured password is that of the configured repository: the
	// environment's goes first here.
	return r, r.elsewhere(access, "RESTIC", cfg.ResticPassword)
}

// userLocks has all runs of a user know which locks are held, whatever cache each uses.
func userLocks() restic.Option { return restic.WithLockDir(restic.UserLockDir()) }

func (a *app) namedRepository(access resticflags.Access, more []restic.Option) (*repository, error) {
	s3, err := access.TakeS3()
	if err != nil {
		return nil, usageError{err}
	}
	opts, err := access.SessionOptions()
	if err != nil {
		return nil, usageError{err}
	}
	r := &repository{app: a, s3: s3, opts: append(append(opts, restic.WithLogger(a.logger()), restic.WithEvents(a.onEvent), userLocks()), more...)}
	if r.name, err = repositoryName(a.ctx, access.Repo, access.RepositoryFile); err != nil {
		return nil, usageError{err}
	}
	return r, nil
}

func (r *repository) configured(access resticflags.Access) error {
	cfg, err := r.app.config()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; without a configuration name the repository with -r or $RESTIC_REPOSITORY", err)
	}
	if err != nil {
		return err
	}
	secret := passwordFlags(access)
	secret.confirm = r.app.creating
	if cfg.ResticPassword == "" || secret.given() {
		if cfg.ResticPassword, err = secret.or("RESTIC").read(r.app); err != nil {
			return err
		}
	}
	r.password = cfg.ResticPassword
	r.app.reach = r.s3
	if r.manager, err = r.app.managerOf(cfg, nil); err != nil {
		return err
	}
	r.name = r.manager.Location().String()
	if access.InsecureNoPassword {
		r.location = r.manager.Location()
	}
	return nil
}

// elsewhere prepares a repository that is not the configured one. Its password
// comes from the flags, the environment variables with the prefix, or is otherwise.
func (r *repository) elsewhere(access resticflags.Access, prefix, otherwise string) error {
	cfg, err := r.app.optionalConfig()
	if err != nil {
		return err
	}
	if r.location, err = r.app.location(r.name, cfg, r.s3); err != nil {
		return err
	}
	flags := passwordFlags(access)
	secret := flags.or(prefix)
	if !flags.given() {
		secret.value = cmp.Or(secret.value, otherwise)
	}
	secret.confirm = r.app.creating && prefix == "RESTIC"
	r.typed = secret.asked() && term.IsTerminal(int(r.app.stdin.Fd()))
	r.password, err = secret.read(r.app)
	return err
}
