package restic

import (
	"context"
	"slices"

	engdata "github.com/restic/restic/rwmlink/data"
	engprogress "github.com/restic/restic/rwmlink/progress"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// findUsedBlobs adds all trees below roots, and the blobs of the files in them, to used.
// Trees that are in it are not gone through. It does what the engine's FindUsedBlobs
// does; the trees are loaded and decoded beside each other.
func findUsedBlobs(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs, used engrestic.FindBlobSet, bar *engprogress.Counter) error {
	ahead, end := walkAhead(ctx, repo, roots, true, func(_ string, n *engdata.Node) bool { return !n.Subtree.IsNull() })
	defer end()
	for _, root := range roots {
		next := engrestic.IDs{root}
		for len(next) > 0 {
			id := next[len(next)-1]
			next = next[:len(next)-1]
			h := engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: id}
			if used.Has(h) {
				continue
			}
			used.Insert(h)
			below, err := usedByTree(ctx, ahead, id, used)
			if err != nil {
				return err
			}
			slices.Reverse(below)
			next = append(next, below...)
		}
		bar.Add(1)
	}
	return nil
}

// usedByTree adds the blobs of the files in a directory and returns the trees below.
func usedByTree(ctx context.Context, ahead *treeAhead, id engrestic.ID, used engrestic.FindBlobSet) (below engrestic.IDs, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := ahead.take(ctx, id, "")
	if err != nil {
		return nil, err
	}
	for item := range e.all() {
		if item.Error != nil {
			return nil, item.Error
		}
		switch n := item.Node; n.Type {
		case engdata.NodeTypeFile:
			for _, blob := range n.Content {
				used.Insert(engrestic.BlobHandle{Type: engrestic.DataBlob, ID: blob})
			}
		case engdata.NodeTypeDir:
			if n.Subtree != nil && !n.Subtree.IsNull() {
				below = append(below, *n.Subtree)
			}
		}
	}
	return below, nil
}
