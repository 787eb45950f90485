package restic

import (
	"context"
	"slices"
	"sync"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	// aheadTrees bounds the trees loaded ahead of a walk, in bytes.
	aheadTrees = 32 << 20
	// aheadTreeCost is what a byte of a tree takes in memory with its decoded entries.
	aheadTreeCost = 3
)

// blobLoader is what the engine's readers need of a repository.
type blobLoader interface {
	engrestic.BlobLoader
	LookupBlobSize(t engrestic.BlobType, id engrestic.ID) (uint, bool)
	Connections() uint
}

// treeAhead loads the trees of a walk before the walk reaches them, several at a time.
// A walk goes depth first, so the trees on top of the stack come next.
type treeAhead struct {
	ctx   context.Context
	repo  engrestic.BlobLoader
	limit int // loads at a time
	// below returns the trees below one that the walk will want, in its order.
	below func(t *aheadTree) []engrestic.ID
	once  bool // the walk goes through a tree only the first time it comes to it
	loads sync.WaitGroup

	mu      sync.Mutex
	next    []engrestic.ID // to be loaded; the last one first
	trees   map[engrestic.ID]*aheadTree
	known   engrestic.IDSet // with once: what was expected
	used    int64           // bytes of trees that are loaded and not taken
	running int
	done    bool
}

// aheadTree is a tree that is loaded or on its way. What follows ready is set before it
// is closed.
type aheadTree struct {
	id    engrestic.ID
	uses  int // how often the walk will take it
	ready chan struct{}
	raw   []byte
	nodes []TreeNode
	err   error // of loading it
	odd   error // of decoding it
}

func newTreeAhead(ctx context.Context, repo blobLoader) *treeAhead {
	return &treeAhead{
		ctx: ctx, repo: repo, limit: max(4*int(repo.Connections()), 8), below: (*aheadTree).subtrees,
		trees: make(map[engrestic.ID]*aheadTree), known: engrestic.NewIDSet(),
	}
}

// begin begins to load the trees at which walks begin, in their order.
func (t *treeAhead) begin(roots []engrestic.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expect(roots)
}

// wait returns when nothing is being loaded any more. The context must have ended, or
// the walk.
func (t *treeAhead) wait() {
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
	t.loads.Wait()
}

// expect notes that the walk will go through these trees next. The caller holds mu.
func (t *treeAhead) expect(ids []engrestic.ID) {
	for _, id := range slices.Backward(ids) {
		if t.once && t.known.Has(id) {
			continue
		}
		t.next = append(t.next, id)
	}
	t.start()
}

// start starts loading what comes next. The caller holds mu.
func (t *treeAhead) start() {
	for len(t.next) > 0 && t.running < t.limit && t.used < aheadTrees && !t.done && t.ctx.Err() == nil {
		last := len(t.next) - 1
		id := t.next[last]
		t.next = t.next[:last]
		if t.once {
			if t.known.Has(id) {
				continue
			}
			t.known.Insert(id)
		}
		if e := t.trees[id]; e != nil {
			e.uses++
			continue
		}
		e := &aheadTree{id: id, uses: 1, ready: make(chan struct{})}
		t.trees[id] = e
		t.running++
		t.loads.Go(func() {
			t.load(t.ctx, e)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.running--
			t.start()
		})
	}
}

func (t *treeAhead) load(ctx context.Context, e *aheadTree) {
	defer close(e.ready)
	if e.raw, e.err = t.repo.LoadBlob(ctx, engrestic.TreeBlob, e.id, nil); e.err != nil {
		return
	}
	e.nodes, e.odd = decodeTreeBare(e.raw)
	below := t.below(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.uses > 0 {
		t.used += e.cost()
	}
	t.expect(below)
}

func (e *aheadTree) cost() int64 { return aheadTreeCost * int64(len(e.raw)) }

// subtrees returns the trees of the directories in a tree, up to one that has none:
// there every walk ends.
func (e *aheadTree) subtrees() (ids []engrestic.ID) {
	for i := range e.nodes {
		if n := &e.nodes[i]; n.Type == NodeDir {
			if n.Subtree == nil {
				break
			}
			ids = append(ids, engrestic.ID(*n.Subtree))
		}
	}
	return ids
}

// take returns a tree that the walk has reached. One that nobody expected is loaded
// here.
func (t *treeAhead) take(ctx context.Context, id engrestic.ID) (*aheadTree, error) {
	t.mu.Lock()
	e := t.trees[id]
	if e == nil {
		for i, next := range slices.Backward(t.next) {
			if next == id {
				t.next = slices.Delete(t.next, i, i+1)
				break
			}
		}
		if t.once {
			t.known.Insert(id)
		}
		t.mu.Unlock()
		e = &aheadTree{id: id, ready: make(chan struct{})}
		t.load(ctx, e)
		return e, e.err
	}
	t.mu.Unlock()
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.uses--; e.uses > 0 {
		t.expect(t.below(e)) // the walk goes through all of it once more
	} else if t.trees[id] == e {
		delete(t.trees, id)
		if e.err == nil {
			t.used -= e.cost()
		}
		t.start()
	}
	return e, e.err
}

// peek returns the bytes of a tree if they are there. It stays expected.
func (t *treeAhead) peek(id engrestic.ID) []byte {
	t.mu.Lock()
	e := t.trees[id]
	t.mu.Unlock()
	if e == nil {
		return nil
	}
	select {
	case <-e.ready:
		return e.raw
	default:
		return nil
	}
}

// decodeTreeBare decodes a tree without fingerprints.
func decodeTreeBare(raw []byte) ([]TreeNode, error) {
	if nodes, ok := (&treeParser{raw: raw, bare: true}).tree(); ok {
		return nodes, nil
	}
	return decodeTreeSlowly(raw)
}
