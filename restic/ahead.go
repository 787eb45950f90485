package restic

import (
	"context"
	"slices"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// aheadReads is what one operation reads while the time passes that its lock needs: the
// snapshots, if it lists them or names them by full IDs, and the index, if it needs
// one. The index is listed once the snapshots are, so that it has what they need. It
// comes with the operation's context, so that no other operation gets what is older
// than its own beginning. Nothing of it is used before the lock is held; if the lock is
// not taken, it is dropped. Where nothing may be read before (lockTaking), it is read
// once the lock is held, in the same way.
type aheadReads struct {
	view  *snapshotView
	lists bool
	names []string       // as in access
	exact []engrestic.ID // as in access
	// index is set if the index is read, and indexed the object that it goes into; nil
	// means the one that takes the lock.
	index   bool
	indexed *engrepository.Repository
	walks   func(snapshotList) engrestic.IDs // as in access
	walking walking

	mu     sync.Mutex
	cancel context.CancelFunc // nil if nothing was read; ended by the operation's end, too
	done   chan struct{}
	list   snapshotList // these are set once done is closed
	found  map[engrestic.ID]*engdata.Snapshot
	err    error // of list or found
	whole  bool  // all of the index is in indexed
	begun  bool  // something of it may be
	trees  *treeAhead
	walked bool // trees were returned
	listed bool // list was returned
}

type aheadKey struct{}

// readAhead lets the operation that runs with the returned context read ahead. The
// returned function is to be called at its end. The index is read into repo; nil means
// the object that takes the lock.
func (s *Session) readAhead(ctx context.Context, a access, repo *engrepository.Repository) (context.Context, func()) {
	// Snapshots that are found after the index was read may have blobs that it lacks.
	index := a.index && (a.choose == nil || a.lists || len(a.exact) > 0)
	if !a.lists && !index {
		return ctx, func() {}
	}
	r := &aheadReads{view: &s.view, lists: a.lists, names: a.names, exact: a.exact, index: index, indexed: repo, walks: a.walk, walking: a.walking}
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
		r.read(ctx, repo)
	}()
}

// read reads what there is to read. The index is asked for as soon as the snapshots are
// listed, and comes beside them.
func (r *aheadReads) read(ctx context.Context, repo *engrepository.Repository) {
	var index sync.WaitGroup
	whole := false
	begin := func() {
		if r.index {
			r.begun = true
			index.Go(func() { whole = r.indexed.LoadIndex(ctx, nil) == nil })
		}
	}
	if r.lists {
		r.list, r.err = r.view.loadThen(ctx, repo, r.names, begin)
	} else if r.found, r.err = readSnapshots(ctx, repo, r.exact); r.err == nil {
		begin()
	}
	index.Wait()
	// Snapshots that are listed again may have blobs that this index lacks.
	if r.whole = whole && r.err == nil; !r.whole || r.walks == nil {
		return
	}
	list := r.list
	for _, sn := range r.found {
		list.all = append(list.all, sn)
	}
	if roots := r.walks(list); len(roots) > 0 {
		r.trees = r.walking.trees(ctx, r.indexed)
		r.trees.early = true
		r.trees.begin(roots)
	}
}

func readSnapshots(ctx context.Context, repo engrestic.LoaderUnpacked, ids []engrestic.ID) (map[engrestic.ID]*engdata.Snapshot, error) {
	found := make(map[engrestic.ID]*engdata.Snapshot, len(ids))
	for _, id := range ids {
		sn, err := readSnapshot(ctx, repo, id)
		if err != nil {
			return nil, err
		}
		found[id] = sn
	}
	return found, nil
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
	r.endWalk()
	r.cancel, r.index, r.whole = nil, false, false
}

// wait returns when all is read; false if nothing is, or if it was dropped. The caller
// holds mu.
func (r *aheadReads) wait() bool {
	if r.cancel == nil {
		return false
	}
	<-r.done
	return true
}

// endWalk drops the trees. The caller holds mu.
func (r *aheadReads) endWalk() {
	if r.trees != nil {
		r.trees.wait()
		r.trees = nil
	}
}

// walk returns the trees that are being loaded for walks that begin at roots, or nil.
func (r *aheadReads) walk(repo *engrepository.Repository, roots engrestic.IDs) *treeAhead {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wait() || r.trees == nil {
		return nil
	}
	if r.indexed != repo || !slices.Equal(r.trees.roots, roots) {
		r.endWalk() // it would take memory
		return nil
	}
	if r.walked {
		return nil
	}
	r.walked = true
	return r.trees
}

// snapshots returns what was read, once. What could not be read is read again.
func (r *aheadReads) snapshots(names []string) (snapshotList, bool) {
	if r == nil {
		return snapshotList{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.lists || r.listed || r.names != nil && !slices.Equal(r.names, names) || !r.wait() {
		return snapshotList{}, false
	}
	r.listed = true
	return r.list, r.err == nil
}

// snapshot returns a snapshot that was read, or nil.
func (r *aheadReads) snapshot(id engrestic.ID) *engdata.Snapshot {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wait() {
		return nil
	}
	for _, sn := range r.list.all {
		if *sn.ID() == id {
			return sn
		}
	}
	return r.found[id]
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
