package restic

import (
	"context"
	"fmt"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
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
	return engdata.StreamTrees(ctx, c.repo, roots, bar, skip, func(id engrestic.ID, err error, nodes engdata.TreeNodeIterator) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.badTree(TreeUnreadable, id, "", err)
			return nil
		}
		// The engine panics if the nodes are not read to their end, so nothing may
		// break out of this loop.
		for item := range nodes {
			if item.Error != nil {
				c.badTree(TreeUnreadable, id, "", item.Error)
				continue
			}
			c.checkNode(id, item.Node, &mu)
		}
		return nil
	})
}

func (c *checkRun) checkNode(tree engrestic.ID, node *engdata.Node, mu *sync.Mutex) {
	invalid := func(format string, args ...any) {
		c.badTree(TreeInvalid, tree, node.Name, fmt.Errorf(format, args...))
	}
	if node.Name == "" {
		invalid("an entry has no name")
	}
	switch node.Type {
	case engdata.NodeTypeFile:
		if node.Content == nil {
			invalid("the file has no list of blobs")
		}
		for i, blob := range node.Content {
			h := engrestic.BlobHandle{ID: blob, Type: engrestic.DataBlob}
			if blob.IsNull() {
				invalid("blob %d of the file has no ID", i)
			} else if _, ok := c.repo.LookupBlobSize(engrestic.DataBlob, blob); !ok {
				c.add(Finding{Kind: BlobMissing, Tree: ID(tree), Blob: ID(blob), Name: node.Name})
				c.bad.insertBlob(h)
			} else if c.used != nil {
				mu.Lock()
				c.use(h)
				mu.Unlock()
			}
		}
	case engdata.NodeTypeDir:
		if node.Subtree == nil || node.Subtree.IsNull() {
			invalid("the directory has no tree")
		}
	case engdata.NodeTypeSymlink, engdata.NodeTypeSocket, engdata.NodeTypeCharDev, engdata.NodeTypeDev, engdata.NodeTypeFifo:
	default:
		invalid("unknown type %q", node.Type)
	}
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
