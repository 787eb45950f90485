package restic

import (
	"context"
	"encoding/binary"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	// aheadTrees bounds, in bytes, the trees loaded ahead of a walk.
	aheadTrees = 32 << 20
	// aheadTreeCost is what a byte of a tree takes in memory with its decoded entries.
	aheadTreeCost = 6
)

// blobLoader is what the engine's readers need of a repository.
type blobLoader interface {
	engrestic.BlobLoader
	LookupBlobSize(t engrestic.BlobType, id engrestic.ID) (uint, bool)
	Connections() uint
}

// treeAhead loads the trees of a walk before the walk reaches them, several at a time
// and in the order of the walk, which is depth first.
type treeAhead struct {
	ctx   context.Context
	repo  engrestic.BlobLoader
	limit int // loads at a time
	// wants says which entries of a tree the walk will go into; name is the path of the
	// entry, with once only.
	// Without once, nil means all of them.
	wants func(name string, n *engdata.Node) bool
	// prepare, if not nil, does with a loaded tree what can be done beside the walk.
	prepare func(t *aheadTree)
	once    bool                              // the walk goes through a tree only the first time it comes to it
	last    *lastTrees[string, *engdata.Node] // with once: what trees are decoded like
	// early says that loading begins before the lock is held. A tree that fails is
	// loaded again when the walk comes to it.
	early bool
	roots engrestic.IDs // where the walks begin
	loads sync.WaitGroup

	mu      sync.Mutex
	next    []nextTree // to be loaded; the last one first
	batches uint32     // how often begin was called
	trees   map[engrestic.ID]*aheadTree
	known   treeSet // with once: what was expected
	used    int64   // bytes of trees that are loaded and not taken
	running int
	done    bool
}

// aheadTree is a tree that is loaded or on its way. What follows ready is set before it
// is closed.
type aheadTree struct {
	id    engrestic.ID
	path  string // with once: where the walk comes to it first
	order string // as in nextTree; "" if the walk did not expect it
	uses  int    // how often the walk will take it
	ready chan struct{}
	raw   []byte
	nodes []*engdata.Node
	err   error // of loading it
	odd   bool  // it is left to the engine's decoder, and nodes is empty

	// like is the tree with the spans of its nodes, and last the one it was decoded
	// like; nil if it was decoded by itself.
	like, last *engineNodesTree

	// from forRewrite
	stable bool  // encoding it again changes nothing
	fault  error // of decoding or encoding it
}

// treePlace is a tree at a path.
type treePlace struct {
	tree engrestic.ID
	path string
}

// nextTree is a tree that the walk will come to. order sorts trees as the walk does: it
// is the order of the parent tree, followed by the number of the entry there. If trees
// were loaded as they are found, those of later snapshots would fill the memory, and
// the walk would have to load its own.
type nextTree struct {
	treePlace
	order string
}

func ordered(above string, number uint32) string {
	return string(binary.BigEndian.AppendUint32([]byte(above), number))
}

func newTreeAhead(ctx context.Context, repo blobLoader) *treeAhead {
	return &treeAhead{
		ctx: ctx, repo: repo, limit: max(4*int(repo.Connections()), 8),
		trees: make(map[engrestic.ID]*aheadTree), last: newLastTrees[string, *engdata.Node](),
	}
}

func newTreeSet(repo engrestic.BlobLoader) treeSet {
	if whole, ok := repo.(*engrepository.Repository); ok {
		return knownTrees{newBlobSet(whole)}
	}
	return engrestic.NewIDSet()
}

// treeSet is a set of trees.
type treeSet interface {
	Has(id engrestic.ID) bool
	Insert(id engrestic.ID)
}

// knownTrees is a set of trees that costs a byte for each blob of the index.
type knownTrees struct{ blobs *blobSet }

func (k knownTrees) Has(id engrestic.ID) bool {
	return k.blobs.Has(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: id})
}

func (k knownTrees) Insert(id engrestic.ID) {
	k.blobs.Insert(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: id})
}

// begin begins to load the trees at which walks begin, in their order.
func (t *treeAhead) begin(roots engrestic.IDs) {
	t.roots = roots
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.once && t.known == nil {
		t.known = newTreeSet(t.repo)
	}
	// What is begun last comes first, and what is below unexpected trees before that.
	batch := ordered("", math.MaxUint32-t.batches)
	t.batches++
	list := make([]nextTree, len(roots))
	for i, id := range roots {
		list[i] = nextTree{treePlace{id, "/"}, ordered(batch, uint32(i))}
	}
	t.expect(list)
}

// wait returns when nothing is being loaded any more. The context must have ended, or
// the walk.
func (t *treeAhead) wait() {
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
	t.loads.Wait()
}

// expect records that the walk will go through these trees, which follow each other.
// The caller holds mu.
func (t *treeAhead) expect(list []nextTree) {
	if t.once {
		list = slices.DeleteFunc(list, func(n nextTree) bool { return t.known.Has(n.tree) })
	}
	if len(list) > 0 {
		slices.Reverse(list)
		at, _ := slices.BinarySearchFunc(t.next, list[0].order, func(n nextTree, order string) int {
			return strings.Compare(order, n.order)
		})
		t.next = slices.Insert(t.next, at, list...)
	}
	t.start()
}

// start starts loading what comes next. The caller holds mu.
func (t *treeAhead) start() {
	for len(t.next) > 0 && t.running < t.limit && t.used < aheadTrees && !t.done && t.ctx.Err() == nil {
		last := len(t.next) - 1
		id, path, order := t.next[last].tree, t.next[last].path, t.next[last].order
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
		e := &aheadTree{id: id, path: path, order: order, uses: 1, ready: make(chan struct{})}
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
	if t.once {
		e.decodeLike(t.last.at(e.path))
	} else {
		e.decode()
	}
	if t.prepare != nil {
		t.prepare(e)
	}
	if e.like != nil {
		e.like.stable = e.stable
		t.last.keep(e.path, e.like)
	}
	below := t.below(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.uses > 0 {
		t.used += e.cost()
	}
	t.expect(below)
}

func (e *aheadTree) cost() int64 { return aheadTreeCost * int64(len(e.raw)) }

// Below a path as long as this, or a place as deep, nothing is loaded ahead: it is
// forged, and paths and orders would take more memory than the trees.
const (
	aheadPath  = 4096
	aheadDepth = 256
)

// below returns the trees below one that the walk will go into, up to a directory that
// has none: there every walk ends.
func (t *treeAhead) below(e *aheadTree) (list []nextTree) {
	if len(e.path) > aheadPath || len(e.order) > 4*aheadDepth {
		return nil
	}
	for i, n := range e.nodes {
		if n.Type != engdata.NodeTypeDir {
			continue
		}
		if n.Subtree == nil {
			break
		}
		at := treePlace{tree: *n.Subtree}
		if t.once {
			at.path = path.Join(e.path, n.Name)
		}
		if t.wants != nil && !t.wants(at.path, n) {
			continue
		}
		list = append(list, nextTree{at, ordered(e.order, uint32(i))})
	}
	return list
}

// take returns a tree that the walk has reached, at a path. It loads one that was not
// expected.
func (t *treeAhead) take(ctx context.Context, id engrestic.ID, path string) (*aheadTree, error) {
	t.mu.Lock()
	e := t.trees[id]
	if e == nil {
		order := ""
		for i, next := range slices.Backward(t.next) {
			if next.tree == id {
				order = next.order
				t.next = slices.Delete(t.next, i, i+1)
				break
			}
		}
		if t.once {
			t.known.Insert(id)
		}
		t.mu.Unlock()
		e = &aheadTree{id: id, path: path, order: order, ready: make(chan struct{})}
		t.load(ctx, e)
		return e, e.err
	}
	t.mu.Unlock()
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.err != nil && t.early {
		again := &aheadTree{id: id, path: e.path, order: e.order, ready: make(chan struct{})}
		t.load(ctx, again)
		return again, again.err
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

// peek returns the bytes of a tree if they are loaded. The tree stays expected.
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
