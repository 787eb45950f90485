package restic

import (
	"context"
	"errors"
	"fmt"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// heldLock is a lock in the storage that the engine refreshes. Its context ends when
// the lock is lost or released.
type heldLock struct {
	unlocker *engrepository.Unlocker // nil while the engine is still taking it
	ctx      context.Context
	cancel   context.CancelFunc
	early    *earlyLock // of a reader that did not wait for the engine; nil otherwise
}

// locked runs fn with a context that also ends when the lock is lost. Without a lock
// (WithoutLock) it just runs fn.
func (s *Session) locked(ctx context.Context, lock *heldLock, fn func(ctx context.Context) error) error {
	if lock == nil {
		return fn(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(lock.ctx, func() { cancel(ErrLockLost) })
	defer stop()
	err := fn(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrLockLost) {
		return fmt.Errorf("%s: %w: it was not refreshed in time or another process removed it; the operation was stopped", s.loc, ErrLockLost)
	}
	return err
}

// ensureLock takes the shared lock unless it is held, with a repository object that
// packs as said; settled is that of access. The caller holds state.
func (s *Session) ensureLock(ctx context.Context, packing engrepository.Options, a access) error {
	if s.opts.readOnly {
		return nil
	}
	if s.lock != nil && s.lock.ctx.Err() == nil && a.settles() {
		if err := s.settle(ctx, packing); err != nil {
			return err
		}
	}
	if s.lock != nil && s.lock.ctx.Err() == nil {
		return nil
	}
	if err := s.releaseLock(ctx); err != nil {
		return err
	}
	// the holder of an exclusive lock may have changed everything meanwhile
	s.poison()
	s.view.forget()
	repo, stored, err := s.object(ctx, packing, a)
	if err != nil {
		return err
	}
	lock, err := s.acquire(ctx, repo, lockWish{early: !a.settles()})
	if err != nil {
		return err
	}
	s.lock = lock
	whole, spoiled := aheadOf(ctx).hasIndex(repo)
	if spoiled {
		if repo, stored, err = s.object(ctx, packing, a); err != nil {
			return err
		}
	}
	s.repo, s.stored, s.engine, s.index = repo, stored, packing, whole
	return nil
}

// releaseLock releases the shared lock, if it is held. The caller holds state.
func (s *Session) releaseLock(ctx context.Context) error {
	if s.lock == nil {
		return nil
	}
	lock := s.lock
	s.lock = nil
	return s.unlock(ctx, lock)
}

// lockWish is the lock that an operation wants: an exclusive one, or a shared one that
// it holds early.
type lockWish struct{ exclusive, early bool }

// acquire takes a lock. It checks the existing locks first: it removes stale ones and
// waits for a conflicting one as long as WithRetryLock allows.
func (s *Session) acquire(ctx context.Context, repo *engrepository.Repository, wish lockWish) (lock *heldLock, err error) {
	return lock, s.retryLocked(ctx, func() (err error) {
		lock, err = s.tryAcquire(ctx, repo, wish)
		return err
	})
}

// retryLocked runs try until it is not ErrLocked any more, as long as WithRetryLock
// allows.
func (s *Session) retryLocked(ctx context.Context, try func() error) error {
	waiting := s.opts.wait("locking the repository")
	defer waiting.done()
	deadline := time.Now().Add(s.opts.retryLock)
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := try()
		if err == nil || !errors.Is(err, ErrLocked) {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return err
		}
		s.opts.logger.Info("waiting for a lock", "location", s.loc.String(), "reason", oneLine(err), "left", left)
		waiting.because(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(pause, left)):
		}
	}
}

func (s *Session) tryAcquire(ctx context.Context, repo *engrepository.Repository, wish lockWish) (*heldLock, error) {
	taking, err := s.clearTheWay(ctx, repo, wish.exclusive)
	if err != nil {
		return nil, err
	}
	reads := aheadOf(ctx)
	if taking != nil && reads != nil {
		taking.begin = func() { reads.start(ctx, repo) }
		taking.drop = reads.drop
	}
	// The engine ties the lock's life to its context, so it does not get the caller's,
	// which only bounds the acquisition.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	var lock *heldLock
	if taking != nil && wish.early {
		lock, err = s.lockEarly(life, end, repo, taking)
	} else {
		lock, err = s.lockEngine(taking.in(life), end, repo, wish.exclusive)
	}
	switch {
	case err == nil && stop():
		if reads != nil {
			reads.start(ctx, repo) // unless it has been read while the lock was taken
		}
		return lock, nil
	case err == nil:
		err = s.unlock(ctx, lock)
		return nil, errors.Join(ctx.Err(), err)
	}
	end()
	reads.drop()
	left := s.removeLeftLocks(ctx)
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), left)
	}
	err = errors.Join(err, left)
	if engrestic.IsAlreadyLocked(err) {
		// another process was faster
		if _, err := s.clearTheWay(ctx, repo, wish.exclusive); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w: another process took a lock at the same moment", s.loc, ErrLocked)
	}
	return nil, fmt.Errorf("%s: taking a lock: %w", s.loc, err)
}

// lockEngine has the engine take a lock, which takes it 200 ms. end ends the lock's
// life.
func (s *Session) lockEngine(life context.Context, end func(), repo *engrepository.Repository, exclusive bool) (*heldLock, error) {
	quiet := func(string) {}
	unlocker, ctx, err := engrepository.Lock(life, repo, exclusive, 0, quiet, s.logLock)
	if err != nil {
		return nil, err
	}
	return &heldLock{unlocker: unlocker, ctx: ctx, cancel: end}, nil
}

// unlock removes the lock from the storage even if the operation's context has ended,
// which only shortens the time allowed for it.
func (s *Session) unlock(ctx context.Context, lock *heldLock) error {
	return s.unlocking(ctx, func() {
		if unlocker := lock.unlocker; unlocker != nil {
			unlocker.Unlock()
		} else if unlocker = lock.early.unlocker(s.stack); unlocker != nil {
			unlocker.Unlock()
		}
		lock.cancel()
	})
}

// removeLeftLocks removes locks that the engine wrote and failed to remove.
func (s *Session) removeLeftLocks(ctx context.Context) error { return s.unlocking(ctx, func() {}) }

// unlocking runs first and then removes the remaining locks, all within the time limit.
func (s *Session) unlocking(ctx context.Context, first func()) (err error) {
	limit, start := lockTime, time.Now()
	if s.cancelled.Load() {
		limit = lockTimeCancelled
	}
	s.stack.unlocking(ctx, limit, lockTimeCancelled, func() {
		first()
		var errs []error
		for _, name := range s.stack.leftLocks() {
			h := engbackend.Handle{Type: engbackend.LockFile, Name: name}
			if err := s.stack.removeLock(context.Background(), h); err != nil && !s.stack.IsNotExist(err) {
				if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
					err = fmt.Errorf("no answer within %v", time.Since(start).Round(time.Second))
				}
				errs = append(errs, fmt.Errorf("%s: %w: %s: %w; %s", s.loc, ErrLockLeft, objectName(h), err, s.stack.alive.whenLeft()))
			}
		}
		err = errors.Join(errs...)
	})
	return err
}

func (s *Session) logLock(format string, args ...interface{}) {
	s.opts.logger.Warn("lock", "location", s.loc.String(), "problem", oneLine(fmt.Errorf(format, args...)))
}
