package restic

import (
	"context"
	"slices"
	"sync"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

// aheadReads is what one operation reads while the time passes that its lock needs: the
// snapshots, if it lists them, and then the index, if it needs one. It comes with the
// operation's context, so that no other operation gets what is older than its own
// beginning. Nothing of it is used before the lock is held; if the lock is not taken,
// it is dropped.
type aheadReads struct {
	view  *snapshotView
	lists bool
	names []string // as in access
	// index is set if the index is read, and indexed the object that it goes into; nil
	// means the one that takes the lock.
	index   bool
	indexed *engrepository.Repository

	mu     sync.Mutex
	cancel context.CancelFunc // nil if nothing was read; ended by the operation's end, too
	done   chan struct{}
	list   snapshotList // these are set once done is closed
	err    error        // of list
	whole  bool         // all of the index is in indexed
	begun  bool         // something of it may be
	listed bool         // list was returned
}

type aheadKey struct{}

// readAhead lets the operation that runs with the returned context read ahead. The
// returned function is to be called at its end. The index is read into repo; nil means
// the object that takes the lock.
func (s *Session) readAhead(ctx context.Context, a access, repo *engrepository.Repository) (context.Context, func()) {
	// Snapshots that are found after the index was read may have blobs that it lacks.
	index := a.index && (a.choose == nil || a.lists)
	if !a.lists && !index {
		return ctx, func() {}
	}
	r := &aheadReads{view: &s.view, lists: a.lists, names: a.names, index: index, indexed: repo}
	return context.WithValue(ctx, aheadKey{}, r), r.drop
}

func aheadOf(ctx context.Context) *aheadReads {
	r, _ := ctx.Value(aheadKey{}).(*aheadReads)
	return r
}

// start begins to read, once the lock is written with repo.
func (r *aheadReads) start(ctx context.Context, repo *engrepository.Repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return
	}
	ctx, r.cancel = context.WithCancel(context.WithValue(ctx, aheadKey{}, nil))
	done := make(chan struct{})
	r.done = done
	if r.indexed == nil {
		r.indexed = repo
	}
	go func() {
		defer close(done)
		if r.lists {
			r.list, r.err = r.view.load(ctx, repo, r.names)
		}
		if r.index && r.err == nil {
			r.begun = true
			r.whole = r.indexed.LoadIndex(ctx, nil) == nil
		}
	}()
}

// drop forgets what was read, or is being read. What is read later is without an index,
// since some of it may be in the object.
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
	r.cancel, r.index, r.whole = nil, false, false
}

// snapshots returns what was read, once. What could not be read is read again.
func (r *aheadReads) snapshots(names []string) (snapshotList, bool) {
	if r == nil {
		return snapshotList{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil || !r.lists || r.listed || r.names != nil && !slices.Equal(r.names, names) {
		return snapshotList{}, false
	}
	<-r.done
	r.listed = true
	return r.list, r.err == nil
}

// hasIndex reports whether the index was read into repo, and whether some of it was, so
// that repo is of no use. It is to be asked once the lock is held.
func (r *aheadReads) hasIndex(repo *engrepository.Repository) (whole, spoiled bool) {
	if r == nil {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil || r.indexed != repo {
		return false, false
	}
	<-r.done
	return r.whole, r.begun && !r.whole
}
