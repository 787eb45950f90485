package restic

import (
	"context"
	"errors"
	"fmt"
	"sync"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// checkTrees reads all trees of the selected snapshots, each once, and checks that
// everything they refer to is in the index.
func (c *checkRun) checkTrees(ctx context.Context) error {
	bar := c.rep.counter("snapshots")
	defer bar.Done()
	roots := treeIDs(c.snapshots.all)
	bar.SetMax(uint64(len(roots)))

	var mu sync.Mutex // guards seen and c.used
	seen := newBlobSet(c.repo)
	skip := func(id engrestic.ID) bool {
		mu.Lock()
		defer mu.Unlock()
		h := engrestic.BlobHandle{ID: id, Type: engrestic.TreeBlob}
		if seen.Has(h) {
			return true
		}
		seen.Insert(h)
		c.use(h)
		c.res.Trees++
		return false
	}
	return walkTrees(ctx, c.repo, roots, bar, skip, func(t *walkedTree) error {
		for i := range t.nodes {
			c.checkNode(t, i, &mu)
		}
		if t.err != nil {
			c.badTree(TreeUnreadable, t.id, "", t.err)
		}
		return nil
	})
}

func (c *checkRun) checkNode(t *walkedTree, i int, mu *sync.Mutex) {
	tree, node := t.id, &t.nodes[i]
	invalid := func(reason string) { c.badTree(TreeInvalid, tree, node.Name, errors.New(reason)) }
	blob := func(id ID) {
		h := engrestic.BlobHandle{ID: engrestic.ID(id), Type: engrestic.DataBlob}
		if _, ok := c.repo.LookupBlobSize(h.Type, h.ID); !ok {
			c.add(Finding{Kind: BlobMissing, Tree: ID(tree), Blob: id, Name: node.Name})
			c.bad.insertBlob(h)
		} else if c.used != nil {
			mu.Lock()
			c.use(h)
			mu.Unlock()
		}
	}
	examineNode(node, invalid, blob, func() string { return fmt.Sprintf("unknown type %q", t.typeName(i)) })
}

func (c *checkRun) use(h engrestic.BlobHandle) {
	if c.used != nil {
		c.used.Insert(h)
	}
}

func (c *checkRun) badTree(kind FindingKind, tree engrestic.ID, name string, err error) {
	c.add(Finding{Kind: kind, Tree: ID(tree), Name: name, Err: err})
	if kind == TreeInvalid {
		c.bad.insertEntry(tree, name)
	} else {
		c.bad.insertBlob(engrestic.BlobHandle{ID: tree, Type: engrestic.TreeBlob})
	}
}
