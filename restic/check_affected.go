package restic

import (
	"context"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// AffectedSnapshot describes the effect of damage on a snapshot.
type AffectedSnapshot struct {
	ID ID
	// Paths are the files that cannot be restored completely and the directories whose
	// entries are unknown, sorted. It holds the first MaxAffectedPaths found, and fewer
	// once those of all snapshots have 64 MiB; Count counts all.
	Paths []string
	Count int
}

// MaxAffectedPaths bounds AffectedSnapshot.Paths.
const MaxAffectedPaths = 10000

// badObjects collects damaged objects, whose effect on the snapshots is worked out
// afterwards.
type badObjects struct {
	mu       *sync.Mutex
	lost     engrestic.IDSet // packs that are gone
	suspects engrestic.IDSet // packs in which some blobs are damaged
	// repairable are the packs of CheckResult.DamagedPacks.
	repairable engrestic.IDSet
	blobs      map[engrestic.BlobHandle]bool        // unreadable blobs and trees
	entries    map[engrestic.ID]map[string]struct{} // invalid entries of trees
}

func newBadObjects() badObjects {
	return badObjects{
		mu:         new(sync.Mutex),
		lost:       engrestic.NewIDSet(),
		suspects:   engrestic.NewIDSet(),
		repairable: engrestic.NewIDSet(),
		blobs:      make(map[engrestic.BlobHandle]bool),
		entries:    make(map[engrestic.ID]map[string]struct{}),
	}
}

func (b *badObjects) insertBlob(h engrestic.BlobHandle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blobs[h] = true
}

func (b *badObjects) insertEntry(tree engrestic.ID, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[tree] == nil {
		b.entries[tree] = make(map[string]struct{})
	}
	b.entries[tree][name] = struct{}{}
}

// findAffected finds the affected snapshots and paths. Without damage it costs nothing.
func (c *checkRun) findAffected(ctx context.Context) error {
	if err := c.findBadBlobs(ctx); err != nil {
		return err
	}
	if len(c.bad.blobs) == 0 && len(c.bad.entries) == 0 {
		return nil
	}
	w := affectedWalk{c: c, hits: make(map[engrestic.ID]int), room: affectedRoom}
	for _, sn := range c.snapshots.all {
		w.paths = nil
		count, err := w.tree(ctx, *sn.Tree, "/")
		if err != nil {
			return err
		}
		if count > 0 {
			slices.Sort(w.paths)
			c.res.Affected = append(c.res.Affected, AffectedSnapshot{ID: fromEngine(sn.ID()), Paths: w.paths, Count: count})
		}
	}
	return nil
}

// findBadBlobs finds the blobs that only damaged packs hold and tries each of those.
func (c *checkRun) findBadBlobs(ctx context.Context) error {
	if len(c.bad.lost) == 0 && len(c.bad.suspects) == 0 {
		return nil
	}
	var try []engrestic.PackedBlob
	err := c.repo.ListBlobs(ctx, func(pb engrestic.PackedBlob) {
		if c.bad.lost.Has(pb.PackID) || c.bad.suspects.Has(pb.PackID) {
			try = append(try, pb)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(try, func(a, b engrestic.PackedBlob) int {
		if n := slices.Compare(a.PackID[:], b.PackID[:]); n != 0 {
			return n
		}
		return int(a.Offset) - int(b.Offset)
	})
	for _, pb := range try {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.held(pb) {
			continue
		}
		if c.bad.lost.Has(pb.PackID) {
			c.bad.insertBlob(pb.BlobHandle)
			continue
		}
		if _, err := c.repo.LoadBlob(ctx, pb.Type, pb.ID, nil); err != nil && ctx.Err() == nil {
			c.bad.insertBlob(pb.BlobHandle)
			c.add(Finding{Kind: BlobDamaged, Pack: ID(pb.PackID), Blob: ID(pb.ID), Err: err})
		}
	}
	return nil
}

// held reports whether a sound pack holds the blob too.
func (c *checkRun) held(pb engrestic.PackedBlob) bool {
	for _, other := range c.repo.LookupBlob(pb.Type, pb.ID) {
		if !c.bad.lost.Has(other.PackID) && !c.bad.suspects.Has(other.PackID) {
			return true
		}
	}
	return false
}

// affectedWalk walks the trees of one snapshot after the other. It enters a tree twice
// only if there are affected paths in it.
type affectedWalk struct {
	c     *checkRun
	hits  map[engrestic.ID]int // how many paths are affected in a tree
	paths []string
	room  int // bytes that further paths may have
}

// affectedRoom bounds the paths of all snapshots, in bytes.
const affectedRoom = 64 << 20

func (w *affectedWalk) hit(name string) int {
	if w.room < len(name) {
		w.room = 0
	}
	if !w.full() {
		w.paths = append(w.paths, name)
		w.room -= len(name)
	}
	return 1
}

// full reports whether no more paths of this snapshot are wanted.
func (w *affectedWalk) full() bool { return len(w.paths) >= MaxAffectedPaths || w.room == 0 }

// tree returns how many paths are affected in a tree.
func (w *affectedWalk) tree(ctx context.Context, id engrestic.ID, dir string) (count int, err error) {
	if known, ok := w.hits[id]; ok && (known == 0 || w.full()) {
		return known, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if w.c.bad.blobs[engrestic.BlobHandle{ID: id, Type: engrestic.TreeBlob}] {
		return w.hit(dir), nil
	}
	if tooDeep(id, dir) != nil {
		return w.hit(dir[:min(len(dir), 100)] + "…"), nil
	}
	nodes, err := engdata.LoadTree(ctx, w.c.repo, id)
	if err != nil {
		return w.hit(dir), ctx.Err()
	}
	for item := range nodes {
		if item.Error != nil {
			return w.hit(dir), ctx.Err()
		}
		n, err := w.node(ctx, id, dir, item.Node)
		if err != nil {
			return 0, err
		}
		if count += n; count < 0 { // a few forged trees can have that many paths
			count = math.MaxInt
		}
	}
	w.hits[id] = count
	return count, nil
}

func (w *affectedWalk) node(ctx context.Context, tree engrestic.ID, dir string, node *engdata.Node) (int, error) {
	name := path.Join(dir, strings.ReplaceAll(node.Name, "/", "_"))
	_, hit := w.c.bad.entries[tree][node.Name]
	for _, blob := range node.Content {
		hit = hit || w.c.bad.blobs[engrestic.BlobHandle{ID: blob, Type: engrestic.DataBlob}]
	}
	switch {
	case hit:
		return w.hit(name), nil
	case node.Type == engdata.NodeTypeDir && node.Subtree != nil:
		return w.tree(ctx, *node.Subtree, name)
	}
	return 0, nil
}
