package restic

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/restic/restic/rwmlink/cache"
	"github.com/restic/restic/rwmlink/repository"
)

// Session is an open repository. It is safe for concurrent use: readers run side by side, one writer runs at a time beside them, and what
// needs an exclusive lock (forget, prune) runs alone.
//
// A session takes one lock, when it is first needed, loads the index once and keeps both until Close, so that many operations cost
// little more than one. An operation that needs an exclusive lock gives the shared one back first and takes its own; the next operation takes a
// shared one again.
type Session struct {
	loc   Location
	opts  options
	stack *tracker
	cache *cache.Cache
	known *known
	id    string

	users  *semaphore.Weighted // readers and the writer take 1, an exclusive operation takes all
	writer *semaphore.Weighted // 1: restic allows one writer per repository object

	state  *semaphore.Weighted // guards what follows; a semaphore, so that waiting ends with the context
	repo   *repository.Repository
	engine repository.Options // how repo packs blobs
	index  bool               // repo has the index loaded
	lock   *heldLock
	writes *repository.Repository // object a writer is using
	shut   bool

	keyID   atomic.Pointer[ID]                    // changes with the password
	version atomic.Uint64                         // changes with a migration
	view    snapshotView                          // what is known of the snapshots
	spoiled atomic.Pointer[repository.Repository] // object whose index is not to be used any more

	readers   atomic.Int64 // that are open
	closing   context.Context
	close     context.CancelFunc // ends closing
	cancelled atomic.Bool        // the last operation was: somebody waits for the end
}

const allUsers = 1 << 40

// Location returns where the repository lives.
func (s *Session) Location() Location { return s.loc }

// ID returns the repository's own random ID, 64 hexadecimal digits, which tells repositories apart wherever they are.
func (s *Session) ID() string { return s.id }

// Version returns the version of the repository's format, 1 or 2.
func (s *Session) Version() uint { return uint(s.version.Load()) }

// KeyID returns the ID of the key that the password opened.
func (s *Session) KeyID() ID { return *s.keyID.Load() }

// read runs fn with the open repository under a shared lock (none with WithoutLock). With needIndex the index is loaded and knows every
// blob that was in the storage when read was called.
func (s *Session) read(ctx context.Context, needIndex bool, fn func(ctx context.Context, repo *repository.Repository) error) error {
	return s.use(ctx, 1, func(ctx context.Context) error {
		repo, lock, err := s.ready(ctx, needIndex, true)
		if err != nil {
			return err
		}
		return s.locked(ctx, lock, func(ctx context.Context) error { return fn(ctx, repo) })
	})
}

// write runs fn under a shared or an exclusive lock; one writer at a time. Any error poisons the repository object: the next call opens
// another and loads the index again, because restic's may hold half of what was being written. So does an exclusive operation,
// which may have dropped or rewritten the index.
func (s *Session) write(ctx context.Context, exclusive bool, fn func(ctx context.Context, repo *repository.Repository) error) error {
	if !exclusive {
		return s.writeWith(ctx, s.opts.engine(), fn)
	}
	return s.useAlone(ctx, func(ctx context.Context) error { return s.writeAlone(ctx, true, fn) })
}

// writeWith is write under a shared lock with the given packing of blobs.
func (s *Session) writeWith(ctx context.Context, engine repository.Options, fn func(ctx context.Context, repo *repository.Repository) error) error {
	return s.oneWriter(ctx, func() error {
		return s.use(ctx, 1, func(ctx context.Context) error {
			repo, lock, err := s.readyWith(ctx, &engine, true, false)
			if err != nil {
				return err
			}
			return s.locked(ctx, lock, func(ctx context.Context) error { return s.poisoning(ctx, repo, fn) })
		})
	})
}

// oneWriter runs fn while no other writer runs.
func (s *Session) oneWriter(ctx context.Context, fn func() error) error {
	if s.opts.readOnly {
		return fmt.Errorf("%s: %w", s.loc, ErrReadOnly)
	}
	if err := s.writer.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.writer.Release(1)
	return fn()
}

// writeUnindexed is write under an exclusive lock without loading the index, for what does not need one or repairs it.
func (s *Session) writeUnindexed(ctx context.Context, fn func(ctx context.Context, repo *repository.Repository) error) error {
	return s.useAlone(ctx, func(ctx context.Context) error { return s.writeAlone(ctx, false, fn) })
}

// writeAlone runs fn under an exclusive lock, which is given back at the end.
func (s *Session) writeAlone(ctx context.Context, needIndex bool, fn func(ctx context.Context, repo *repository.Repository) error) (err error) {
	if err := s.state.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.state.Release(1)
	if err := s.releaseLock(ctx); err != nil {
		return err
	}
	s.poison()
	repo, err := s.fresh(ctx, true)
	if err != nil {
		return err
	}
	lock, err := s.acquire(ctx, repo, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.unlock(ctx, lock)) }()
	return s.locked(ctx, lock, func(ctx context.Context) error {
		if !needIndex {
			return fn(ctx, repo)
		}
		if err := repo.LoadIndex(ctx, nil); err != nil {
			return fmt.Errorf("%s: loading the index: %w", s.loc, err)
		}
		return fn(ctx, repo)
	})
}

// readFresh runs fn under a shared lock with a repository object of its own, whose index is not loaded. Without the cache every byte comes
// from the storage, which is what a check has to look at. fn may call SetDryRun.
func (s *Session) readFresh(ctx context.Context, withCache bool, fn func(ctx context.Context, repo *repository.Repository) error) error {
	return s.use(ctx, 1, func(ctx context.Context) error {
		_, lock, err := s.ready(ctx, false, false)
		if err != nil {
			return err
		}
		repo, err := s.fresh(ctx, withCache)
		if err != nil {
			return err
		}
		return s.locked(ctx, lock, func(ctx context.Context) error { return fn(ctx, repo) })
	})
}

// useAlone runs fn while nothing else runs. An open Reader is not waited for, since it may be open for days; and what waits for its end would keep
// later readers waiting, those of a mount for instance. (One that is opened at this very moment is.)
func (s *Session) useAlone(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.oneWriter(ctx, func() error {
		if s.readers.Load() > 0 {
			return fmt.Errorf("%s: %w; nothing was done", s.loc, ErrReaderOpen)
		}
		return s.use(ctx, allUsers, fn)
	})
}

// use holds n of the users' places while fn runs.
func (s *Session) use(ctx context.Context, n int64, fn func(ctx context.Context) error) error {
	if err := s.users.Acquire(ctx, n); err != nil {
		return err
	}
	defer s.users.Release(n)
	if s.shut {
		return fmt.Errorf("%s: %w", s.loc, ErrClosed)
	}
	err := fn(ctx)
	s.cancelled.Store(ctx.Err() != nil)
	return explain(s.loc, err)
}

// ready returns the repository object and the lock, made as needed.
func (s *Session) ready(ctx context.Context, needIndex, freshIndex bool) (*repository.Repository, *heldLock, error) {
	return s.readyWith(ctx, nil, needIndex, freshIndex)
}

// readyWith is ready with an object that packs blobs in the given way; nil means in any way.
func (s *Session) readyWith(ctx context.Context, engine *repository.Options, needIndex, freshIndex bool) (*repository.Repository, *heldLock, error) {
	if err := s.state.Acquire(ctx, 1); err != nil {
		return nil, nil, err
	}
	defer s.state.Release(1)
	if err := s.ensureLock(ctx); err != nil {
		return nil, nil, err
	}
	if s.repo != nil && (s.repo == s.spoiled.Load() || engine != nil && s.engine != *engine) {
		s.poison()
	}
	if s.repo == nil {
		if engine != nil {
			s.engine = *engine
		}
		repo, err := s.freshWith(ctx, s.engine, true)
		if err != nil {
			return nil, nil, err
		}
		s.repo, s.index = repo, false
	}
	if needIndex {
		if err := s.loadIndex(ctx, freshIndex); err != nil {
			return nil, nil, err
		}
	}
	return s.repo, s.lock, nil
}

// poisoning runs fn and forgets the repository object unless fn succeeds.
func (s *Session) poisoning(ctx context.Context, repo *repository.Repository, fn func(ctx context.Context, repo *repository.Repository) error) error {
	clean := false
	s.writing(func() { s.writes = repo })
	defer s.writing(func() {
		s.writes = nil
		// Only the writer's own object knows what it wrote; one that a reader has put in its place meanwhile does not.
		if clean == (s.repo != repo) {
			s.poison()
		}
	})
	err := fn(ctx, repo)
	clean = err == nil && ctx.Err() == nil
	return err
}

// writing runs fn with state held.
func (s *Session) writing(fn func()) {
	_ = s.state.Acquire(context.Background(), 1)
	defer s.state.Release(1)
	fn()
}

// forgetIndex makes the next operation load the index again, after the engine has dropped or rewritten the one in repo.
func (s *Session) forgetIndex(repo *repository.Repository) { s.spoiled.Store(repo) }

// poison forgets the repository object and all that was read through it. The caller holds state.
func (s *Session) poison() {
	s.repo, s.index = nil, false
}

// fresh opens another repository object over the same backend with the known master key: no request, no key derivation.
func (s *Session) fresh(ctx context.Context, withCache bool) (*repository.Repository, error) {
	return s.freshWith(ctx, s.opts.engine(), withCache)
}

// freshWith is fresh with an object that packs blobs in the given way.
func (s *Session) freshWith(ctx context.Context, engine repository.Options, withCache bool) (*repository.Repository, error) {
	repo, err := s.known.open(ctx, s.stack, engine)
	if err != nil {
		return nil, fmt.Errorf("%s: opening the repository again: %w", s.loc, err)
	}
	if withCache && s.cache != nil {
		repo.UseCache(s.cache, s.logCache)
	}
	return repo, nil
}

func (s *Session) logCache(format string, args ...interface{}) {
	s.opts.logger.Warn("cache", "location", s.loc.String(), "problem", oneLine(fmt.Errorf(format, args...)))
}

// Close gives the lock back. It waits for running operations, and ends every Reader. The session cannot be used afterwards; closing it again
// does nothing.
func (s *Session) Close() error {
	s.close()
	_ = s.users.Acquire(context.Background(), allUsers)
	defer s.users.Release(allUsers)
	if s.shut {
		return nil
	}
	s.shut = true
	s.poison()
	return errors.Join(s.releaseLock(context.Background()), s.stack.Close())
}
