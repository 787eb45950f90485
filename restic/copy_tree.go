package restic

import (
	"context"
	"fmt"
	"sync"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// tree copies the blobs that a tree uses and the destination does not have.
func (c *copier) tree(ctx context.Context, root engrestic.ID, uploader engrestic.BlobSaverWithAsync) error {
	var mu sync.Mutex
	wanted := newBlobSet(c.from)
	packs := engrestic.NewIDSet()
	want := func(h engrestic.BlobHandle) error {
		if _, ok := c.to.LookupBlobSize(h.Type, h.ID); ok {
			return nil
		}
		places := c.from.LookupBlob(h.Type, h.ID)
		if len(places) == 0 {
			return fmt.Errorf("%w: %v is in no index", ErrDamaged, h)
		}
		mu.Lock()
		defer mu.Unlock()
		if wanted.Has(h) {
			return nil
		}
		wanted.Insert(h)
		c.res.Blobs++
		c.res.Bytes += uint64(places[0].Length)
		for _, p := range places {
			packs.Insert(p.PackID)
		}
		return nil
	}
	skip := func(id engrestic.ID) bool {
		h := engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: id}
		seen := c.visited.Has(h)
		c.visited.Insert(h)
		return seen
	}
	err := walkTrees(ctx, c.from, engrestic.IDs{root}, nil, skip, func(t *walkedTree) error {
		if t.err != nil {
			return fmt.Errorf("reading tree %v: %w", t.id, t.err)
		}
		// The bytes of the tree are copied unchanged, so fields that this version does
		// not know survive.
		if err := want(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: t.id}); err != nil {
			return err
		}
		for i := range t.nodes {
			for _, blob := range t.nodes[i].Content {
				if err := want(engrestic.BlobHandle{Type: engrestic.DataBlob, ID: engrestic.ID(blob)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	printer := &eventPrinter{rep: c.rep}
	return engrepository.CopyBlobs(ctx, c.from, c.to, uploader, packs, wanted, c.rep.counter("packs copied"), printer.P)
}
