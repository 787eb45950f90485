package restic

import (
	"context"
	"crypto/sha256"
	"fmt"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engrestorer "github.com/restic/restic/rwmlink/restorer"
)

// fileCount is what was counted in a tree.
type fileCount struct{ files, bytes uint64 }

// restoreSize counts what restoring writes. Trees that several snapshots share are read
// once: they count the same each time, unless they have hard links, which count once
// per snapshot wherever they are.
type restoreSize struct {
	trees *treeAhead
	res   *StatsResult
	known map[engrestic.ID]fileCount // trees without hard links
}

func newRestoreSize(trees *treeAhead, res *StatsResult) *restoreSize {
	return &restoreSize{trees: trees, res: res, known: make(map[engrestic.ID]fileCount)}
}

func (c *restoreSize) snapshot(ctx context.Context, root engrestic.ID) error {
	links := make(map[engrestorer.HardlinkKey]bool)
	sum, _, err := c.tree(ctx, root, "/", links)
	c.res.TotalFileCount += sum.files
	c.res.TotalSize += sum.bytes
	return err
}

func (c *restoreSize) tree(ctx context.Context, id engrestic.ID, dir string, links map[engrestorer.HardlinkKey]bool) (sum fileCount, plain bool, err error) {
	if sum, ok := c.known[id]; ok {
		return sum, true, nil
	}
	plain = true
	err = c.trees.eachNode(ctx, id, dir, func(name string, node *engdata.Node) error {
		sum.files++
		key := engrestorer.HardlinkKey{Inode: node.Inode, Device: node.DeviceID}
		switch {
		case node.Links == 1 || node.Type == engdata.NodeTypeDir:
			sum.bytes += node.Size
		case node.Inode == 0 || !links[key]:
			links[key] = true
			sum.bytes += node.Size
			fallthrough
		default:
			plain = false
		}
		if node.Type != engdata.NodeTypeDir {
			return nil
		}
		sub, subPlain, err := c.tree(ctx, *node.Subtree, name, links)
		sum.files += sub.files
		sum.bytes += sub.bytes
		plain = plain && subPlain
		return err
	})
	if err == nil && plain {
		c.known[id] = sum
	}
	return sum, plain, err
}

// contents counts each content once. A tree that was seen before has no new content.
type contents struct {
	repo  *engrepository.Repository
	ahead *treeAhead
	res   *StatsResult
	mode  StatsMode
	trees map[engrestic.ID]bool
	seen  map[[sha256.Size]byte]bool // hashes of the lists of blobs
	blobs map[string]engrestic.IDSet // blobs counted for a path
}

func newContents(repo *engrepository.Repository, ahead *treeAhead, res *StatsResult, mode StatsMode) *contents {
	return &contents{
		repo: repo, ahead: ahead, res: res, mode: mode,
		trees: make(map[engrestic.ID]bool),
		seen:  make(map[[sha256.Size]byte]bool),
		blobs: make(map[string]engrestic.IDSet),
	}
}

func (c *contents) snapshot(ctx context.Context, root engrestic.ID) error {
	return c.tree(ctx, root, "/")
}

func (c *contents) tree(ctx context.Context, id engrestic.ID, dir string) error {
	if c.trees[id] {
		return nil
	}
	c.trees[id] = true
	return c.ahead.eachNode(ctx, id, dir, func(name string, node *engdata.Node) error {
		if err := c.node(name, node); err != nil {
			return err
		}
		if node.Type == engdata.NodeTypeDir {
			return c.tree(ctx, *node.Subtree, name)
		}
		return nil
	})
}

func (c *contents) node(name string, node *engdata.Node) error {
	h := sha256.New()
	for _, id := range node.Content {
		h.Write(id[:])
	}
	key := [sha256.Size]byte(h.Sum(nil))
	if c.seen[key] {
		return nil
	}
	c.seen[key] = true
	if c.mode == StatsFilesByContents {
		c.res.TotalFileCount++
		c.res.TotalSize += node.Size
		return nil
	}
	for _, id := range node.Content {
		counted := c.blobs[name]
		if counted == nil {
			counted = engrestic.NewIDSet()
			c.blobs[name] = counted
			c.res.TotalFileCount++
		}
		if counted.Has(id) {
			continue
		}
		size, ok := c.repo.LookupBlobSize(engrestic.DataBlob, id)
		if !ok {
			return fmt.Errorf("%w: blob %v of %s is in no index", ErrDamaged, id, name)
		}
		counted.Insert(id)
		c.res.TotalBlobCount++
		c.res.TotalSize += uint64(size)
	}
	return nil
}
