package restic

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// DiffOptions says what to compare.
type DiffOptions struct {
	// From and To are IDs of snapshots, prefixes of some or "latest", and optionally folders in them: "ID:/home/me".
	From, To string
	// Filter narrows down which snapshot is the latest.
	Filter SnapshotFilter
	// Metadata reports changes of metadata, too.
	Metadata bool
	// OnChange is called for each difference. An error ends the comparison and is what Diff returns.
	OnChange func(Change) error
}

// Change is a difference. Encoded as JSON it has the fields `restic diff --json` prints.
type Change struct {
	// Path is absolute; that of a directory ends in a slash.
	Path string `json:"path"`
	// Modifier is "+" for what is only in To, "-" for what is only in From, and else made of T (another type), M (other
	// content), U (other metadata) and ? (other content with the same metadata, which hints at a failing disk).
	Modifier string `json:"modifier"`
}

// DiffResult counts the differences.
type DiffResult struct {
	From, To     Snapshot  `json:"-"`
	ChangedFiles int       `json:"changed_files"`
	Added        DiffCount `json:"added"`
	Removed      DiffCount `json:"removed"`
}

// DiffCount counts what is only in one of the snapshots. Blobs are counted once, however often they are used.
type DiffCount struct {
	Files     int    `json:"files"`
	Dirs      int    `json:"dirs"`
	Others    int    `json:"others"`
	DataBlobs int    `json:"data_blobs"`
	TreeBlobs int    `json:"tree_blobs"`
	Bytes     uint64 `json:"bytes"`
}

// Diff compares two snapshots, or folders in them.
func (s *Session) Diff(ctx context.Context, o DiffOptions) (*DiffResult, error) {
	if o.From == "" || o.To == "" {
		return nil, errors.New("diff: two snapshots have to be given")
	}
	res := &DiffResult{}
	var from, to *data.Snapshot
	var fromFolder, toFolder string
	err := s.readSnapshots(ctx, func(ctx context.Context, repo *repository.Repository) (err error) {
		if from, fromFolder, err = s.view.find(ctx, repo, o.From, o.Filter); err != nil {
			return err
		}
		to, toFolder, err = s.view.find(ctx, repo, o.To, o.Filter)
		return err
	}, func(ctx context.Context, repo *repository.Repository) error {
		if err := enterFolder(ctx, repo, from, fromFolder); err != nil {
			return err
		}
		if err := enterFolder(ctx, repo, to, toFolder); err != nil {
			return err
		}
		res.From, res.To = newSnapshot(from), newSnapshot(to)
		d := differ{
			ctx: ctx, repo: repo, o: o, res: res,
			before: repo.NewAssociatedBlobSet(), after: repo.NewAssociatedBlobSet(), common: repo.NewAssociatedBlobSet(),
		}
		return d.run(*from.Tree, *to.Tree)
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// differ compares two trees.
type differ struct {
	ctx  context.Context
	repo *repository.Repository
	o    DiffOptions
	res  *DiffResult

	before, after, common restic.AssociatedBlobSet
	same                  restic.IDs // trees that are in both at the same place
}

func (d *differ) run(from, to restic.ID) error {
	d.before.Insert(restic.BlobHandle{Type: restic.TreeBlob, ID: from})
	d.after.Insert(restic.BlobHandle{Type: restic.TreeBlob, ID: to})
	if err := d.trees("/", from, to); err != nil {
		return fmt.Errorf("diff: %w", err)
	}
	// What the common trees use is not new, wherever else it is used.
	if err := data.FindUsedBlobs(d.ctx, d.repo, d.same, d.common, nil); err != nil {
		return fmt.Errorf("diff: reading what both have in common: %w", err)
	}
	both := d.before.Intersect(d.after)
	if err := d.count(d.before.Sub(both).Sub(d.common), &d.res.Removed); err != nil {
		return err
	}
	return d.count(d.after.Sub(both).Sub(d.common), &d.res.Added)
}

func (d *differ) count(blobs restic.AssociatedBlobSet, into *DiffCount) error {
	for h := range blobs.Keys() {
		if h.Type == restic.DataBlob {
			into.DataBlobs++
		} else {
			into.TreeBlobs++
		}
		size, ok := d.repo.LookupBlobSize(h.Type, h.ID)
		if !ok {
			return fmt.Errorf("diff: %w: %v is in no index", ErrDamaged, h)
		}
		into.Bytes += uint64(size)
	}
	return nil
}

func (d *differ) report(name string, node *data.Node, modifier string) error {
	if d.o.OnChange == nil || modifier == "" {
		return nil
	}
	if node.Type == data.NodeTypeDir {
		name += "/"
	}
	return d.o.OnChange(Change{Path: name, Modifier: modifier})
}

// trees compares two trees at the same place.
func (d *differ) trees(dir string, from, to restic.ID) error {
	old, err := d.load(dir, from)
	if err != nil {
		return err
	}
	now, err := d.load(dir, to)
	if err != nil {
		return err
	}
	for pair := range data.DualTreeIterator(slices.Values(old), slices.Values(now)) {
		if pair.Error != nil {
			return pair.Error
		}
		a, b := pair.Tree1, pair.Tree2
		collect(d.before, a)
		collect(d.after, b)
		switch {
		case a == nil:
			err = d.single(path.Join(dir, b.Name), b, "+", &d.res.Added, d.after)
		case b == nil:
			err = d.single(path.Join(dir, a.Name), a, "-", &d.res.Removed, d.before)
		default:
			err = d.pair(path.Join(dir, a.Name), a, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) pair(name string, a, b *data.Node) error {
	if err := d.report(name, b, d.modifier(a, b)); err != nil {
		return err
	}
	if a.Type != data.NodeTypeDir || b.Type != data.NodeTypeDir {
		return nil
	}
	if *a.Subtree == *b.Subtree {
		d.same = append(d.same, *a.Subtree)
		return nil
	}
	return d.trees(name, *a.Subtree, *b.Subtree)
}

func (d *differ) modifier(a, b *data.Node) string {
	mod := ""
	if a.Type != b.Type {
		mod = "T"
	}
	if a.Type == data.NodeTypeFile && b.Type == data.NodeTypeFile && !slices.Equal(a.Content, b.Content) {
		d.res.ChangedFiles++
		x, y := *a, *b
		x.Content, y.Content = nil, nil
		if x.Equals(y) {
			return mod + "M?"
		}
		return mod + "M"
	}
	if d.o.Metadata && !a.Equals(*b) {
		return mod + "U"
	}
	return mod
}

// single reports a node that only one of the snapshots has, and all below it.
func (d *differ) single(name string, node *data.Node, modifier string, into *DiffCount, blobs restic.AssociatedBlobSet) error {
	switch node.Type {
	case data.NodeTypeFile:
		into.Files++
	case data.NodeTypeDir:
		into.Dirs++
	default:
		into.Others++
	}
	if err := d.report(name, node, modifier); err != nil || node.Type != data.NodeTypeDir {
		return err
	}
	return eachNode(d.ctx, d.repo, *node.Subtree, name, func(name string, sub *data.Node) error {
		collect(blobs, sub)
		return d.single(name, sub, modifier, into, blobs)
	})
}

// load reads a tree to its end, so that no reader of it is left open when a comparison ends early.
func (d *differ) load(dir string, id restic.ID) (nodes []data.NodeOrError, err error) {
	err = eachNode(d.ctx, d.repo, id, dir, func(_ string, node *data.Node) error {
		nodes = append(nodes, data.NodeOrError{Node: node})
		return nil
	})
	return nodes, err
}

// collect adds the blobs a node names.
func collect(blobs restic.AssociatedBlobSet, node *data.Node) {
	if node == nil {
		return
	}
	for _, id := range node.Content {
		blobs.Insert(restic.BlobHandle{Type: restic.DataBlob, ID: id})
	}
	if node.Type == data.NodeTypeDir {
		blobs.Insert(restic.BlobHandle{Type: restic.TreeBlob, ID: *node.Subtree})
	}
}
