package restic

import (
	"context"
	"errors"
	"fmt"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// task is the work of an operation, or a part of it.
type task = func(ctx context.Context, repo *engrepository.Repository) error

// access says how an operation uses its session. The zero value reads beside all
// others, under the session's shared lock and without an index.
type access struct {
	lock   lockMode
	object objectMode
	// index loads the index before the task runs. For readers it knows every blob that
	// was in the storage when run was called, and those of the snapshots that choose
	// found.
	index bool
	// stored, if not nil, says that of data the task asks only whether a blob is there.
	// It is set to what answers that, and the index that the task's object has is then
	// of trees alone; or to nil if the object has the whole index.
	stored **storedBlobs
	// write waits for other writers of the session, and a read-only session refuses it.
	// A writer with an index adds blobs: if it fails, its repository object is dropped.
	write bool
	// packing says how a writer packs blobs; nil means as the session's options say.
	packing *engrepository.Options
	// choose, if not nil, runs before the index is loaded. It is where the snapshots
	// are found that the task walks: the other way round, the data of a snapshot that
	// another process saved in between would seem to be missing.
	choose task
	// lists says that the task, or choose, lists the snapshots. They are asked for
	// while the lock is being taken, and so is the index.
	lists bool
	// names are those of the snapshots that are wanted; nil means all.
	names []string
	// exact are the snapshots that choose finds by their full IDs, if it lists none.
	exact []engrestic.ID
	// walk, if not nil, returns the roots of the trees that the task walks through with
	// walking, if it is certain to: they are loaded ahead, too, once list and the index
	// are. list holds what choose will find.
	walk    func(list snapshotList) engrestic.IDs
	walking walking
	// settled says that the lock has to have stood the 200 ms that restic waits, with
	// no other lock found after them, as every writer's has. Other readers begin once
	// ours is written and no other is there (lockEarly).
	settled bool
	// sealed says that the task can do without packs that a sealed host is refused. Any
	// other ends with the first of them.
	sealed bool
}

// lockMode is the lock in the storage that an operation runs under.
type lockMode uint8

const (
	sharedLock    lockMode = iota
	exclusiveLock          // implies write; nothing else of the session runs meanwhile
	noLock                 // needs an object of the operation's own
)

// objectMode is the repository object that an operation runs with.
type objectMode uint8

const (
	commonObject   objectMode = iota // the session's, which keeps its index
	ownObject                        // one that the task may change
	uncachedObject                   // one that reads every byte from the storage
	dryRunObject                     // one that writes nothing
)

// addsBlobs reports whether the task writes through the index.
func (a access) addsBlobs() bool { return a.write && a.index }

// settles reports whether the task has to wait for a settled lock.
func (a access) settles() bool { return a.write || a.settled }

// run runs fn as a says: every operation of the session goes through it.
func (s *Session) run(ctx context.Context, a access, fn task) error {
	if s.never() {
		return errNilSession
	}
	defer s.opts.events.Rethrow()
	ctx, done := s.abortable(ctx)
	defer done()
	if !a.sealed {
		fn = untilSealed(fn)
	}
	users := int64(1)
	if a.write || a.lock == exclusiveLock {
		if s.opts.readOnly {
			return fmt.Errorf("%s: %w", s.loc, ErrReadOnly)
		}
		if err := s.writer.Acquire(ctx, 1); err != nil {
			return s.notStarted(ctx, err)
		}
		defer s.writer.Release(1)
	}
	if a.lock == exclusiveLock {
		// An open Reader is not waited for: it may be open for days, and later readers,
		// those of a mount for instance, would wait behind this operation. (One that is
		// opened at this very moment is waited for.)
		if s.readers.Load() > 0 {
			return fmt.Errorf("%s: %w; nothing was done", s.loc, ErrReaderOpen)
		}
		users = allUsers
	}
	if err := s.users.Acquire(ctx, users); err != nil {
		return s.notStarted(ctx, err)
	}
	defer s.users.Release(users)
	if s.shut {
		return fmt.Errorf("%s: %w", s.loc, ErrClosed)
	}
	var err error
	switch {
	case a.lock == exclusiveLock:
		err = s.runAlone(ctx, a, fn)
	case a.object == commonObject:
		err = s.runCommon(ctx, a, fn)
	default:
		err = s.runOwn(ctx, a, fn)
	}
	s.cancelled.Store(ctx.Err() != nil)
	return explain(s.loc, s.aborted(ctx, err))
}

// runAlone runs fn under an exclusive lock, which is released at the end. The
// repository object is dropped, since fn may have dropped or rewritten its index.
func (s *Session) runAlone(ctx context.Context, a access, fn task) (err error) {
	if err := s.state.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.state.Release(1)
	if err := s.releaseLock(ctx); err != nil {
		return err
	}
	s.poison()
	repo, err := s.fresh(ctx, s.opts.engine(), true)
	if err != nil {
		return err
	}
	ctx, over := s.readAhead(ctx, a, nil)
	defer over()
	lock, err := s.acquire(ctx, repo, lockWish{exclusive: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.unlock(ctx, lock)) }()
	if _, spoiled := aheadOf(ctx).hasIndex(repo); spoiled {
		if repo, err = s.fresh(ctx, s.opts.engine(), true); err != nil {
			return err
		}
	}
	return s.locked(ctx, lock, func(ctx context.Context) error { return s.inOrder(ctx, a, repo, fn) })
}

// runCommon runs fn with the session's own object.
func (s *Session) runCommon(ctx context.Context, a access, fn task) error {
	ctx, over := s.readAhead(ctx, a, nil)
	defer over()
	if a.choose != nil {
		if err := s.runCommon(ctx, access{settled: a.settles()}, a.choose); err != nil {
			return err
		}
	}
	repo, lock, err := s.ready(ctx, a)
	if err != nil {
		return err
	}
	return s.locked(ctx, lock, func(ctx context.Context) error {
		if a.addsBlobs() {
			return s.poisoning(ctx, repo, fn)
		}
		return fn(ctx, repo)
	})
}

// runOwn runs fn with a new object that nothing else uses.
func (s *Session) runOwn(ctx context.Context, a access, fn task) error {
	packing := s.opts.engine()
	if a.packing != nil {
		packing = *a.packing
	}
	repo, stored, err := s.object(ctx, packing, a)
	if err != nil {
		return err
	}
	var lock *heldLock
	if a.lock != noLock {
		var over func()
		ctx, over = s.readAhead(ctx, a, repo)
		defer over()
		if _, lock, err = s.ready(ctx, access{settled: a.settles()}); err != nil {
			return err
		}
		if _, spoiled := aheadOf(ctx).hasIndex(repo); spoiled {
			if repo, stored, err = s.object(ctx, packing, a); err != nil {
				return err
			}
		}
	}
	if a.object == dryRunObject {
		repo.SetDryRun()
	}
	if a.stored != nil {
		*a.stored = stored
	}
	return s.locked(ctx, lock, func(ctx context.Context) error { return s.inOrder(ctx, a, repo, fn) })
}

// inOrder chooses, loads the index into a new object and runs fn.
func (s *Session) inOrder(ctx context.Context, a access, repo *engrepository.Repository, fn task) error {
	if a.choose != nil {
		if err := a.choose(ctx, repo); err != nil {
			return err
		}
	}
	if whole, _ := aheadOf(ctx).hasIndex(repo); a.index && !whole {
		if err := repo.LoadIndex(ctx, nil); err != nil {
			return fmt.Errorf("%s: loading the index: %w", s.loc, err)
		}
	}
	if a.index && a.object != uncachedObject {
		s.tidyCache(ctx, repo)
	}
	return fn(ctx, repo)
}

// ready returns the session's repository object and its lock, made as needed.
func (s *Session) ready(ctx context.Context, a access) (*engrepository.Repository, *heldLock, error) {
	if err := s.state.Acquire(ctx, 1); err != nil {
		return nil, nil, err
	}
	defer s.state.Release(1)
	packing := s.engine // a reader takes any
	if a.addsBlobs() {
		packing = s.opts.engine()
		if a.packing != nil {
			packing = *a.packing
		}
	}
	if err := s.ensureLock(ctx, packing, a); err != nil {
		return nil, nil, err
	}
	if s.repo != nil && (s.repo == s.spoiled.Load() || s.engine != packing) {
		s.poison()
	}
	if s.repo == nil || a.stored != nil && !s.index {
		repo, stored, err := s.object(ctx, packing, a)
		if err != nil {
			return nil, nil, err
		}
		s.repo, s.stored, s.engine, s.index = repo, stored, packing, false
	}
	if a.index {
		whole, _ := aheadOf(ctx).hasIndex(s.repo)
		if err := s.loadIndex(ctx, a, !a.write && !whole); err != nil {
			return nil, nil, err
		}
	}
	if a.stored != nil {
		*a.stored = s.stored
	}
	return s.repo, s.lock, nil
}

// poisoning runs fn and drops the repository object unless fn succeeds, because
// restic's may then hold half of what was being written.
func (s *Session) poisoning(ctx context.Context, repo *engrepository.Repository, fn task) error {
	clean := false
	s.withState(func() { s.writes = repo })
	defer s.withState(func() {
		s.writes = nil
		// Only the writer's own object knows what it wrote; one that a reader has put
		// in its place meanwhile does not.
		if clean == (s.repo != repo) {
			s.poison()
		}
	})
	err := fn(ctx, repo)
	clean = err == nil && ctx.Err() == nil
	return err
}

// withState runs fn with state held.
func (s *Session) withState(fn func()) {
	_ = s.state.Acquire(context.Background(), 1)
	defer s.state.Release(1)
	fn()
}

// forgetIndex makes the next operation load the index again, after the engine has
// dropped or rewritten the one in repo.
func (s *Session) forgetIndex(repo *engrepository.Repository) { s.spoiled.Store(repo) }

// poison drops the repository object and all that was read through it. The caller holds
// state.
func (s *Session) poison() {
	s.repo, s.stored, s.index = nil, nil, false
}

// object opens a new repository object for an operation. stored is nil unless the
// operation asks for it.
func (s *Session) object(ctx context.Context, packing engrepository.Options, a access) (repo *engrepository.Repository, stored *storedBlobs, err error) {
	if a.stored != nil {
		stored = newStoredBlobs(s)
	}
	repo, err = s.freshWith(ctx, packing, a.object != uncachedObject, stored)
	return repo, stored, err
}

// fresh opens another repository object over the same backend with the known master
// key: no request, no key derivation.
func (s *Session) fresh(ctx context.Context, packing engrepository.Options, withCache bool) (*engrepository.Repository, error) {
	return s.freshWith(ctx, packing, withCache, nil)
}

// freshWith is fresh for an object that gets its index from stored, unless it is nil.
func (s *Session) freshWith(ctx context.Context, packing engrepository.Options, withCache bool, stored *storedBlobs) (*engrepository.Repository, error) {
	view := s.known.view(s.stack)
	if withCache && s.cache != nil {
		view = s.known.viewCached(s.stack, s.cache, s.logCache)
	}
	view.stored = stored
	repo, err := openWithKey(ctx, view, packing, s.known.password)
	if err != nil {
		return nil, fmt.Errorf("%s: opening the repository again: %w", s.loc, err)
	}
	return repo, nil
}
