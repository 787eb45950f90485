package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/semaphore"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcache "github.com/restic/restic/rwmlink/cache"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Open opens the repository at a location: three requests and one key derivation, by
// design half a second of processor time (0.2 s on amd64), which up to three processors
// share. No lock is taken yet.
//
// It returns ErrNoRepository (with ErrNoBucket where the bucket is missing, and as
// ErrRepositoryGone where the bucket's history holds a deleted one),
// ErrWrongPassword, ErrTooManyKeys, ErrAccessDenied, ErrUnreachable, ErrDamaged or
// ErrUnsupported, all of them within a few seconds.
func Open(ctx context.Context, loc Location, password string, opts ...Option) (*Session, error) {
	o, err := newOptionsAt(loc, opts)
	if err != nil {
		return nil, err
	}
	if _, past := loc.(*asOfLocation); past {
		o.readOnly = true
	}
	defer o.events.Rethrow()
	waiting := o.wait("opening the repository")
	defer waiting.done()
	stack, err := newStack(ctx, loc, &o, false)
	if err != nil {
		return nil, explain(loc, err)
	}
	s, err := open(ctx, loc, stack, o, password)
	if err != nil {
		_ = stack.Close()
		return nil, explain(loc, orGone(ctx, loc, &o, err))
	}
	return s, nil
}

func open(ctx context.Context, loc Location, stack *tracker, o options, password string) (*Session, error) {
	op, err := openKeys(ctx, loc, stack, o, password)
	if err != nil {
		return nil, err
	}
	s, err := newSession(loc, stack, o, op)
	if err == nil {
		writeLastKey(lastKey(&o, loc), op.key.ID.String())
	}
	return s, err
}

func keyNames(ctx context.Context, be engbackend.Backend) (names []string, err error) {
	err = be.List(ctx, engbackend.KeyFile, func(fi engbackend.FileInfo) error {
		if _, err := engrestic.ParseID(fi.Name); err == nil {
			names = append(names, fi.Name)
		}
		return nil
	})
	if be.IsNotExist(err) {
		return nil, nil
	}
	return names, err
}

// noKeys distinguishes a location without a repository from a repository that lost its
// keys.
func noKeys(ctx context.Context, loc Location, be engbackend.Backend) error {
	_, err := be.Stat(ctx, engbackend.Handle{Type: engbackend.ConfigFile})
	switch {
	case err == nil:
		return &damagedError{loc.String(), "keys/", "the repository has a config but no key left, so it cannot be opened; bring the keys back from an older state of the bucket"}
	case be.IsNotExist(err):
		return fmt.Errorf("%s: %w here; init makes one", loc, ErrNoRepository)
	}
	return err
}

// openConfigError explains why a repository does not open although a key does. read
// says that the config was read: then the error is about its bytes. Otherwise it is
// about the storage, and leaves open what the config is.
func openConfigError(ctx context.Context, loc Location, be engbackend.Backend, read bool, err error) error {
	switch {
	case be.IsNotExist(err):
		return fmt.Errorf("%w: %w", &damagedError{loc.String(), "config", "it is missing, though there are keys"}, ErrNoRepository)
	case errors.Is(err, ErrDamaged), ctx.Err() != nil:
		return err
	case !read && !unreadable(err):
		return fmt.Errorf("%s: %w", loc, err)
	}
	return &damagedError{loc.String(), "config", oneLine(err)}
}

func newSession(loc Location, stack *tracker, o options, op *opened) (*Session, error) {
	cfg := op.repo.Config()
	if _, err := ParseID(cfg.ID); err != nil {
		// it names the directory of the cache
		return nil, &damagedError{loc.String(), "config", fmt.Sprintf("the repository's ID in it is not 64 hexadecimal digits: %.80q", cfg.ID)}
	}
	if g, ok := unwrap[*guard](stack); ok {
		g.key.Store(op.repo.Key())
	}
	s := &Session{
		loc: loc, opts: o, stack: stack, known: op.known, id: cfg.ID,
		engine: o.engine(),
		users:  semaphore.NewWeighted(allUsers), writer: semaphore.NewWeighted(1), state: semaphore.NewWeighted(1),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.aborting, s.abort = context.WithCancelCause(context.Background())
	s.openedWith = op.key
	s.keyID.Store(&op.key.ID)
	s.version.Store(uint64(cfg.Version))
	s.cache = openCache(&o, loc, cfg.ID)
	return s, nil
}

// openCache returns the repository's cache, or nil: a backup must not fail for want of
// a cache.
func openCache(o *options, loc Location, id string) *engcache.Cache {
	if o.noCache {
		return nil
	}
	dir := o.cacheDir
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			o.noCacheBecause(loc, err)
			return nil
		}
		dir = filepath.Join(user, "rwm", "restic")
	}
	// the live repository's cache would lose whatever a moment does not list
	if _, past := loc.(*asOfLocation); o.proof {
		dir = filepath.Join(dir, "proof")
	} else if past {
		dir = filepath.Join(dir, "as-of")
	}
	c, err := engcache.New(id, dir)
	if err != nil && removeUnreadableVersion(filepath.Join(dir, id, "version")) {
		c, err = engcache.New(id, dir)
	}
	if err != nil {
		o.noCacheBecause(loc, err)
		return nil
	}
	return c
}

// removeUnreadableVersion removes the file that says how a cache is laid out if there is
// no number in it, and reports whether it did. A full disk leaves it empty; the engine
// would refuse the cache for ever.
func removeUnreadableVersion(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(string(text), 10, 32)
	return err != nil && os.Remove(file) == nil
}

func (o *options) noCacheBecause(loc Location, err error) {
	o.logger.Warn("working without a cache", "location", loc.String(), "error", oneLine(err))
	if o.events != nil {
		o.events.Emit(Warning{Text: "working without a cache, so every index and directory is read from the storage again", Err: err})
	}
}
