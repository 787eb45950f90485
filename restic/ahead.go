package restic

import (
	"context"
	"sync"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

// aheadReads is what one operation reads while it waits for its lock: the snapshots, if
// it lists them. It travels in the context of the operation, so that no other operation
// gets a listing older than its own beginning. Nothing of it is used before the lock is
// held; if the lock is not taken, it is dropped.
type aheadReads struct {
	view *snapshotView

	mu     sync.Mutex
	cancel context.CancelFunc // nil if nothing was read; ended by the operation's end, too
	done   chan struct{}
	list   snapshotList // these two are set once done is closed
	err    error
}

type aheadKey struct{}

// readAhead lets the operation that runs with the returned context read ahead. Call the
// returned function when the operation ends.
func (s *Session) readAhead(ctx context.Context) (context.Context, func()) {
	r := &aheadReads{view: &s.view}
	return context.WithValue(ctx, aheadKey{}, r), r.drop
}

func aheadOf(ctx context.Context) *aheadReads {
	r, _ := ctx.Value(aheadKey{}).(*aheadReads)
	return r
}

// start begins to read, once the lock is written.
func (r *aheadReads) start(ctx context.Context, repo *engrepository.Repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return
	}
	ctx, r.cancel = context.WithCancel(context.WithValue(ctx, aheadKey{}, nil))
	done := make(chan struct{})
	r.done = done
	go func() {
		defer close(done)
		r.list, r.err = r.view.load(ctx, repo)
	}()
}

// drop forgets what was read, or is being read.
func (r *aheadReads) drop() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil {
		return
	}
	r.cancel()
	<-r.done
	r.cancel = nil
}

// snapshots returns what was read, once. What could not be read ahead is read again.
func (r *aheadReads) snapshots() (snapshotList, bool) {
	if r == nil {
		return snapshotList{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil {
		return snapshotList{}, false
	}
	<-r.done
	r.cancel()
	r.cancel = nil
	return r.list, r.err == nil
}
