package restic

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/restic"
)

// AffectedSnapshot says what of a snapshot is hit by damage.
type AffectedSnapshot struct {
	ID ID
	// Paths are the files whose content cannot be had as a whole, and the directories whose content is not known, sorted.
	Paths []string
}

// badObjects collects what is damaged, to find out afterwards what that means for the snapshots.
type badObjects struct {
	mu       *sync.Mutex
	lost     restic.IDSet                      // packs that are gone
	suspects restic.IDSet                      // packs in which some blobs are damaged
	blobs    map[restic.BlobHandle]bool        // blobs and trees that cannot be had
	entries  map[restic.ID]map[string]struct{} // invalid entries of trees
}

func newBadObjects() badObjects {
	return badObjects{
		mu:       new(sync.Mutex),
		lost:     restic.NewIDSet(),
		suspects: restic.NewIDSet(),
		blobs:    make(map[restic.BlobHandle]bool),
		entries:  make(map[restic.ID]map[string]struct{}),
	}
}

func (b *badObjects) insertBlob(h restic.BlobHandle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blobs[h] = true
}

func (b *badObjects) insertEntry(tree restic.ID, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[tree] == nil {
		b.entries[tree] = make(map[string]struct{})
	}
	b.entries[tree][name] = struct{}{}
}

// findAffected works out which snapshots and paths are hit. It costs nothing when there is no damage.
func (c *checkRun) findAffected(ctx context.Context) error {
	if err := c.findBadBlobs(ctx); err != nil {
		return err
	}
	if len(c.bad.blobs) == 0 && len(c.bad.entries) == 0 {
		return nil
	}
	w := affectedWalk{c: c, clean: make(map[restic.ID]bool)}
	for _, sn := range c.snapshots.all {
		w.paths = nil
		if _, err := w.tree(ctx, *sn.Tree, "/"); err != nil {
			return err
		}
		if len(w.paths) > 0 {
			slices.Sort(w.paths)
			c.res.Affected = append(c.res.Affected, AffectedSnapshot{ID: fromEngine(sn.ID()), Paths: slices.Compact(w.paths)})
		}
	}
	return nil
}

// findBadBlobs finds the blobs that only damaged packs hold and tries each of those.
func (c *checkRun) findBadBlobs(ctx context.Context) error {
	if len(c.bad.lost) == 0 && len(c.bad.suspects) == 0 {
		return nil
	}
	var try []restic.PackedBlob
	err := c.repo.ListBlobs(ctx, func(pb restic.PackedBlob) {
		if c.bad.lost.Has(pb.PackID) || c.bad.suspects.Has(pb.PackID) {
			try = append(try, pb)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(try, func(a, b restic.PackedBlob) int {
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
func (c *checkRun) held(pb restic.PackedBlob) bool {
	for _, other := range c.repo.LookupBlob(pb.Type, pb.ID) {
		if !c.bad.lost.Has(other.PackID) && !c.bad.suspects.Has(other.PackID) {
			return true
		}
	}
	return false
}

// affectedWalk goes through the trees of one snapshot after the other and goes into none twice that was found clean.
type affectedWalk struct {
	c     *checkRun
	clean map[restic.ID]bool
	paths []string
}

func (w *affectedWalk) tree(ctx context.Context, id restic.ID, dir string) (clean bool, err error) {
	if w.clean[id] {
		return true, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if w.c.bad.blobs[restic.BlobHandle{ID: id, Type: restic.TreeBlob}] {
		w.paths = append(w.paths, dir)
		return false, nil
	}
	nodes, err := data.LoadTree(ctx, w.c.repo, id)
	if err != nil {
		w.paths = append(w.paths, dir)
		return false, ctx.Err()
	}
	clean = true
	invalid := w.c.bad.entries[id]
	for item := range nodes {
		if item.Error != nil {
			w.paths = append(w.paths, dir)
			return false, ctx.Err()
		}
		node := item.Node
		name := path.Join(dir, strings.ReplaceAll(node.Name, "/", "_"))
		hit := false
		if _, ok := invalid[node.Name]; ok {
			hit = true
		}
		for _, blob := range node.Content {
			hit = hit || w.c.bad.blobs[restic.BlobHandle{ID: blob, Type: restic.DataBlob}]
		}
		if hit {
			clean = false
			w.paths = append(w.paths, name)
		} else if node.Type == data.NodeTypeDir && node.Subtree != nil {
			sub, err := w.tree(ctx, *node.Subtree, name)
			if err != nil {
				return false, err
			}
			clean = clean && sub
		}
	}
	w.clean[id] = clean
	return clean, nil
}
