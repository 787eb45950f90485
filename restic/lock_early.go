package restic

import (
	"context"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// earlyLock is a shared lock that the engine is still taking: its lock is in the
// storage, and the engine waits 200 ms before it looks for those of others. A reader
// need not wait: it looks at once, after its own lock is written.
//
// Of two sessions that write their locks and then look, at least one sees the other, so
// an exclusive lock that was written before our look is found by it, and the owner of
// one that is written later finds ours, since he waits 200 ms and looks, or we have
// ended by then. What the 200 ms add is for storages whose listings lag: restic's rule
// goes wrong where two listings together lag by 400 ms, this one where they lag by 200.
// A reader can then miss packs that a prune removes, and says so; a writer could lose
// data, so writers wait, and so does a check, whose findings are acted on.
type earlyLock struct {
	taken   chan struct{} // closed once the engine has returned
	lock    *heldLock     // these two are set then
	err     error
	settled bool // others were looked for again after the 200 ms; under state
}

// lockEarly returns a lock as soon as it is written and no other is found. If one is
// found, the engine decides as it always does.
func (s *Session) lockEarly(life context.Context, end func(), repo *engrepository.Repository, taking *lockTaking) (*heldLock, error) {
	taking.looking = make(chan struct{})
	taking.look = func() bool { return s.alone(life) }
	e := &earlyLock{taken: make(chan struct{})}
	held, lost := context.WithCancel(life)
	go func() {
		defer close(e.taken)
		if e.lock, e.err = s.lockEngine(taking.in(life), end, repo, false); e.err != nil {
			lost()
			return
		}
		context.AfterFunc(e.lock.ctx, lost)
	}()
	select {
	case <-e.taken:
		lost()
		return e.lock, e.err
	case <-taking.looking:
	}
	if taking.alone {
		return &heldLock{ctx: held, cancel: end, early: e}, nil
	}
	<-e.taken
	lost()
	return e.lock, e.err
}

// alone reports whether there is no lock but those of this session.
func (s *Session) alone(ctx context.Context) bool {
	others := false
	err := s.stack.Backend.List(ctx, engbackend.LockFile, func(fi engbackend.FileInfo) error {
		others = others || !s.stack.ownLock(fi.Name)
		return nil
	})
	return err == nil && !others
}

// settle waits until the engine has a lock that was taken early, and looks for others
// as the engine does after its wait. The caller holds state.
func (s *Session) settle(ctx context.Context, packing engrepository.Options) error {
	e := s.lock.early
	if e == nil || e.settled {
		return nil
	}
	select {
	case <-e.taken:
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.err != nil {
		return nil // it is lost, which its context says
	}
	repo, err := s.fresh(ctx, packing, true)
	if err != nil {
		return err
	}
	err = s.retryLocked(ctx, func() error {
		_, err := s.clearTheWay(ctx, repo, false)
		return err
	})
	e.settled = err == nil
	return err
}

// unlocker is what releases the lock, or nil if the engine is still taking it: then the
// storage's copy can be removed, and the engine's part ends by itself, within 200 ms
// and without a request.
func (e *earlyLock) unlocker(t *tracker) *engrepository.Unlocker {
	select {
	case <-e.taken:
		if e.err == nil {
			return e.lock.unlocker
		}
	default:
	}
	t.removeEarly()
	return nil
}
