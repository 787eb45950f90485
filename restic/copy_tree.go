package restic

import (
	"context"
	"fmt"
	"sync"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// tree copies the blobs that a tree uses and the destination does not have.
func (c *copier) tree(ctx context.Context, root restic.ID, uploader restic.BlobSaverWithAsync) error {
	var mu sync.Mutex
	wanted := c.from.NewAssociatedBlobSet()
	packs := restic.NewIDSet()
	want := func(h restic.BlobHandle) error {
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
	skip := func(id restic.ID) bool {
		h := restic.BlobHandle{Type: restic.TreeBlob, ID: id}
		seen := c.visited.Has(h)
		c.visited.Insert(h)
		return seen
	}
	err := data.StreamTrees(ctx, c.from, restic.IDs{root}, nil, skip, func(id restic.ID, err error, nodes data.TreeNodeIterator) error {
		if err != nil {
			return fmt.Errorf("reading tree %v: %w", id, err)
		}
		// The bytes of the tree are copied as they are, whatever this version knows of them.
		if err := want(restic.BlobHandle{Type: restic.TreeBlob, ID: id}); err != nil {
			return err
		}
		for item := range nodes {
			if item.Error != nil {
				return fmt.Errorf("reading tree %v: %w", id, item.Error)
			}
			for _, blob := range item.Node.Content {
				if err := want(restic.BlobHandle{Type: restic.DataBlob, ID: blob}); err != nil {
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
	return repository.CopyBlobs(ctx, c.from, c.to, uploader, packs, wanted, c.rep.counter("packs copied"), printer.P)
}
