package restic

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// What is known of a tree.
const (
	treeReached = 1 << iota // from a snapshot
	treeRead                // its edges are known, or it is bad
	treeBad
)

// The states of a pack during a proof.
const (
	packIdle = iota
	packQueued
	packReading
)

// treeWalk reads the trees that can be reached from the snapshots, pack by pack. When a
// pack is read all its trees are, for most of them are needed sooner or later; in an
// exact walk only those that have been reached.
type treeWalk struct {
	p      *proof
	byPack []uint32 // numbers of trees, ordered by where they are
	start  []int    // of each pack in byPack, and the end

	mu     sync.Mutex
	wake   *sync.Cond
	flags  []uint8
	edges  []uint32 // number of children and children, of trees that were read before they were reached
	edgeAt []uint32 // of each tree, 0 for none
	packs  []uint8
	fresh  []bool // packs whose copies are of the right version, by who reads them
	queue  []uint32
	active int
	ended  bool
	bad    map[uint32][]BrokenObject
}

// most that is kept of what is wrong with one tree, and of bad trees at all
const (
	maxBadEntries = 8
	maxBadTrees   = 10_000
)

func (p *proof) walkTrees(ctx context.Context) error {
	w := newTreeWalk(p)
	bar := p.rep.counter("trees")
	defer bar.Done()
	tags := p.tagKey.tagger()
	w.mu.Lock()
	for _, sn := range p.snapshots {
		if p.only != nil && !p.only.Has(engrestic.ID(sn.id)) {
			continue
		}
		n, ok := p.trees.find(tags.tag((*[32]byte)(&sn.tree)))
		if !ok {
			p.broken(BrokenObject{Kind: TreeUnreadable, Snapshot: sn.id, Tree: sn.tree, Reason: "it is in no index"})
			continue
		}
		w.reach(n)
	}
	w.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, w.end)
	defer stop()
	for range p.session.opts.connections {
		group.Go(func() error { return w.work(ctx, func(n int) { bar.Add(uint64(n)) }) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	w.report()
	return nil
}

func newTreeWalk(p *proof) *treeWalk {
	places := p.trees.places
	w := &treeWalk{p: p, flags: make([]uint8, len(places)), edgeAt: make([]uint32, len(places)), edges: make([]uint32, 1),
		packs: make([]uint8, len(p.packs.list)), fresh: make([]bool, len(p.packs.list)), start: make([]int, len(p.packs.list)+1), bad: map[uint32][]BrokenObject{}}
	w.wake = sync.NewCond(&w.mu)
	for i := range places {
		if i == 0 || places[i].tag != places[i-1].tag { // of copies the first one counts
			w.byPack = append(w.byPack, uint32(i))
		}
	}
	slices.SortFunc(w.byPack, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(places[a].pack, places[b].pack), cmp.Compare(places[a].offset, places[b].offset))
	})
	at := 0
	for pack := range p.packs.list {
		w.start[pack] = at
		for at < len(w.byPack) && places[w.byPack[at]].pack == uint32(pack) {
			at++
		}
	}
	w.start[len(p.packs.list)] = at
	return w
}

// reach notes that a tree is needed, and what can be reached from it as far as that is
// known. The caller holds mu.
func (w *treeWalk) reach(root uint32) {
	stack := []uint32{root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if w.flags[n]&treeReached != 0 {
			continue
		}
		w.flags[n] |= treeReached
		w.p.res.Trees++
		if w.flags[n]&treeRead == 0 {
			w.enqueue(w.p.trees.places[n].pack)
			continue
		}
		if at := w.edgeAt[n]; at != 0 {
			stack = append(stack, w.edges[at+1:at+1+w.edges[at]]...)
		}
	}
}

// enqueue asks for a pack to be read. The caller holds mu.
func (w *treeWalk) enqueue(pack uint32) {
	if w.packs[pack] == packIdle {
		w.packs[pack] = packQueued
		w.queue = append(w.queue, pack)
		w.wake.Signal()
	}
}

func (w *treeWalk) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.wake.Broadcast()
}

// take returns the next pack and which of its trees to read.
func (w *treeWalk) take() (pack uint32, trees []uint32, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 {
		if w.ended || w.active == 0 {
			w.ended = true
			w.wake.Broadcast()
			return 0, nil, false
		}
		w.wake.Wait()
	}
	if w.ended {
		return 0, nil, false
	}
	pack = w.queue[0]
	w.queue = w.queue[1:]
	w.packs[pack] = packReading
	w.active++
	for _, n := range w.byPack[w.start[pack]:w.start[pack+1]] {
		if w.flags[n]&treeRead == 0 && (!w.p.exact || w.flags[n]&treeReached != 0) {
			trees = append(trees, n)
		}
	}
	return pack, trees, true
}

// give ends what take began.
func (w *treeWalk) give(pack uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packs[pack] = packIdle
	w.active--
	for _, n := range w.byPack[w.start[pack]:w.start[pack+1]] {
		if w.flags[n]&(treeRead|treeReached) == treeReached { // reached meanwhile
			w.enqueue(pack)
			break
		}
	}
	w.wake.Broadcast()
}

func (w *treeWalk) work(ctx context.Context, count func(int)) error {
	r := &treeReader{w: w, tags: w.p.tagKey.tagger()}
	r.scan.data, r.scan.bad, r.scan.reset = r.hasData, r.note, r.reset
	for {
		pack, trees, ok := w.take()
		if !ok {
			return ctx.Err()
		}
		err := r.read(ctx, pack, trees)
		w.give(pack)
		if err != nil {
			return err
		}
		count(len(trees))
	}
}

// settle takes in what was found out about a tree.
func (w *treeWalk) settle(n uint32, children []uint32, bad []BrokenObject, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flags[n] |= treeRead
	if total > 0 {
		w.flags[n] |= treeBad
		if len(w.bad) < maxBadTrees {
			w.bad[n] = bad
		}
	}
	if w.flags[n]&treeReached != 0 {
		for _, c := range children {
			w.reach(c)
		}
		return
	}
	if len(children) > 0 {
		w.edgeAt[n] = uint32(len(w.edges))
		w.edges = append(append(w.edges, uint32(len(children))), children...)
	}
}

// report makes findings of the bad trees that are needed.
func (w *treeWalk) report() {
	for n := range w.flags {
		if w.flags[n]&(treeBad|treeReached) != treeBad|treeReached {
			continue
		}
		bad := w.bad[uint32(n)]
		if len(bad) == 0 {
			bad = []BrokenObject{{Kind: TreeUnreadable}}
		}
		for _, b := range bad {
			w.p.broken(b)
		}
	}
}
