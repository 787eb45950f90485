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

// restoreSize counts what restoring writes. Trees that several snapshots share are read
// once. They count the same each time but for their hard links, which count once per
// snapshot wherever they are. However often trees name one another, each is gone through
// once in a snapshot.
type restoreSize struct {
	trees *treeAhead
	res   *StatsResult
	known map[engrestic.ID]*treeCount
	room  int                              // how many links known may still take
	n     int                              // of the snapshot
	seen  map[engrestorer.HardlinkKey]bool // in this snapshot
}

// treeCount is what was counted in a tree and below it.
type treeCount struct {
	files, bytes uint64      // bytes without those of links
	links        []linkCount // in their order
	kept         bool        // links has them all
	in           int         // the last snapshot in which its links were counted
}

// linkCount is a file with hard links, or a directory with such files below it.
type linkCount struct {
	key   engrestorer.HardlinkKey
	size  uint64
	below *treeCount
}

// mostLinksKept bounds what is kept of hard links to about 48 MB. Further trees that
// have some are read again for each snapshot.
const mostLinksKept = 1 << 20

func newRestoreSize(trees *treeAhead, res *StatsResult) *restoreSize {
	return &restoreSize{trees: trees, res: res, known: make(map[engrestic.ID]*treeCount), room: mostLinksKept}
}

func (c *restoreSize) snapshot(ctx context.Context, root engrestic.ID) error {
	c.n++
	c.seen = make(map[engrestorer.HardlinkKey]bool)
	_, err := c.tree(ctx, root, "/")
	return err
}

// tree counts a tree.
func (c *restoreSize) tree(ctx context.Context, id engrestic.ID, dir string) (*treeCount, error) {
	if t := c.known[id]; t != nil && (t.kept || t.in == c.n) {
		c.res.TotalFileCount += t.files
		c.res.TotalSize += t.bytes
		return t, c.linksOf(ctx, t)
	}
	t := &treeCount{kept: true}
	keep := func(l linkCount) {
		if t.kept = t.kept && c.room > 0; t.kept {
			c.room--
			t.links = append(t.links, l)
		}
	}
	err := c.trees.eachNode(ctx, id, dir, func(name string, node *engdata.Node) error {
		t.files++
		c.res.TotalFileCount++
		key := engrestorer.HardlinkKey{Inode: node.Inode, Device: node.DeviceID}
		if node.Type != engdata.NodeTypeDir && node.Links != 1 && key.Inode != 0 {
			l := linkCount{key: key, size: node.Size}
			c.link(l)
			keep(l)
			return nil
		}
		t.bytes += node.Size
		c.res.TotalSize += node.Size
		if node.Type != engdata.NodeTypeDir {
			return nil
		}
		sub, err := c.tree(ctx, *node.Subtree, name)
		if err != nil {
			return err
		}
		t.files += sub.files
		t.bytes += sub.bytes
		if !sub.kept {
			t.kept = false
		} else if len(sub.links) > 0 {
			keep(linkCount{below: sub})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if t.in = c.n; !t.kept {
		t.links = nil
	}
	c.known[id] = t
	return t, nil
}

// linksOf counts the links of a tree that was counted before, unless that was in this
// snapshot.
func (c *restoreSize) linksOf(ctx context.Context, t *treeCount) error {
	if t.in == c.n {
		return nil
	}
	t.in = c.n
	for _, l := range t.links {
		if l.below == nil {
			c.link(l)
		} else if err := c.linksOf(ctx, l.below); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *restoreSize) link(l linkCount) {
	if !c.seen[l.key] {
		c.seen[l.key] = true
		c.res.TotalSize += l.size
	}
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
