package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/semaphore"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/cache"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// maxKeys is how many keys are tried; each costs a key derivation. restic tries as many.
const maxKeys = 20

// Open opens the repository at a location: three requests and one key derivation (0.1 to 0.5 s by design). No lock is taken yet.
//
// It returns ErrNoRepository (with ErrNoBucket where the bucket is missing), ErrWrongPassword, ErrAccessDenied, ErrUnreachable, ErrDamaged or
// ErrUnsupported, none of them after more than some seconds.
func Open(ctx context.Context, loc Location, password string, opts ...Option) (*Session, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loc, err)
	}
	if _, past := loc.(*asOfLocation); past {
		o.readOnly = true
	}
	stack, err := newStack(ctx, loc, &o, false)
	if err != nil {
		return nil, explain(loc, err)
	}
	s, err := open(ctx, loc, stack, o, password)
	if err != nil {
		_ = stack.Close()
		return nil, explain(loc, err)
	}
	return s, nil
}

func open(ctx context.Context, loc Location, stack *tracker, o options, password string) (*Session, error) {
	names, err := keyNames(ctx, stack)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, noKeys(ctx, loc, stack)
	}
	hinted := func(name string) int {
		if o.keyHint != "" && strings.HasPrefix(name, o.keyHint) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(names, func(a, b string) int { return hinted(a) - hinted(b) })
	var damaged []error
	wrong := false
	for _, name := range names[:min(len(names), maxKeys)] {
		view := &keyView{Backend: stack, name: name}
		repo, err := openWithKey(ctx, view, o.engine(), password)
		switch {
		case err == nil:
			return newSession(loc, stack, o, repo, view.config)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, repository.ErrNoKeyFound):
			wrong = true
		case view.configAsked.Load(): // the key was right
			return nil, openConfigError(ctx, loc, stack, err)
		case stack.IsNotExist(err): // removed meanwhile
		case errors.Is(err, ErrDamaged), errors.Is(err, restic.ErrInvalidData):
			o.logger.Warn("damaged key", "location", loc.String(), "key", name, "error", oneLine(err))
			damaged = append(damaged, err)
		default:
			return nil, err
		}
	}
	if wrong {
		return nil, errors.Join(append([]error{fmt.Errorf("%s: %w: none of its %d keys opens with it", loc, ErrWrongPassword, len(names))}, damaged...)...)
	}
	return nil, fmt.Errorf("%s: no usable key: %w", loc, errors.Join(damaged...))
}

func keyNames(ctx context.Context, be backend.Backend) (names []string, err error) {
	err = be.List(ctx, backend.KeyFile, func(fi backend.FileInfo) error {
		if _, err := restic.ParseID(fi.Name); err == nil {
			names = append(names, fi.Name)
		}
		return nil
	})
	if be.IsNotExist(err) {
		return nil, nil
	}
	return names, err
}

// noKeys tells a place without a repository from a repository that lost its keys.
func noKeys(ctx context.Context, loc Location, be backend.Backend) error {
	_, err := be.Stat(ctx, backend.Handle{Type: backend.ConfigFile})
	switch {
	case err == nil:
		return &damagedError{loc.String(), "keys/", "the repository has a config but no key left, so it cannot be opened; bring the keys back from an older state of the bucket"}
	case be.IsNotExist(err):
		return fmt.Errorf("%s: %w here; init makes one", loc, ErrNoRepository)
	}
	return err
}

func openConfigError(ctx context.Context, loc Location, be backend.Backend, err error) error {
	switch {
	case be.IsNotExist(err):
		return fmt.Errorf("%w: %w", &damagedError{loc.String(), "config", "it is missing, though there are keys"}, ErrNoRepository)
	case errors.Is(err, ErrDamaged), ctx.Err() != nil:
		return err
	}
	var known *damagedError
	if errors.As(err, &known) {
		return err
	}
	return &damagedError{loc.String(), "config", oneLine(err)}
}

func newSession(loc Location, stack *tracker, o options, repo *repository.Repository, config []byte) (*Session, error) {
	k, err := wrapMaster(repo.Key(), config)
	if err != nil {
		return nil, err
	}
	cfg := repo.Config()
	s := &Session{
		loc: loc, opts: o, stack: stack, known: k, id: cfg.ID,
		engine: o.engine(),
		users:  semaphore.NewWeighted(allUsers), writer: semaphore.NewWeighted(1), state: semaphore.NewWeighted(1),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	keyID := ID(repo.KeyID())
	s.keyID.Store(&keyID)
	s.version.Store(uint64(cfg.Version))
	s.cache = openCache(&o, loc, cfg.ID)
	return s, nil
}

// openCache returns the repository's cache, or nil: a backup must not fail because a cache cannot be had.
func openCache(o *options, loc Location, id string) *cache.Cache {
	if o.noCache {
		return nil
	}
	dir := o.cacheDir
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			o.logger.Warn("working without a cache", "location", loc.String(), "error", oneLine(err))
			return nil
		}
		dir = filepath.Join(user, "rwm", "restic")
	}
	if _, past := loc.(*asOfLocation); past {
		// what it does not list would be removed from the live one's cache
		dir = filepath.Join(dir, "as-of")
	}
	c, err := cache.New(id, dir)
	if err != nil {
		o.logger.Warn("working without a cache", "location", loc.String(), "dir", dir, "error", oneLine(err))
		return nil
	}
	return c
}
