package restic

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// DiffOptions configures a comparison.
type DiffOptions struct {
	// From and To are IDs of snapshots, prefixes of some or "latest", and optionally
	// folders in them: "ID:/home/me".
	From, To string
	// Filter narrows down which snapshot is the latest.
	Filter SnapshotFilter
	// Metadata reports changes of metadata, too.
	Metadata bool
	// Snapshots, if not nil, is called with both before they are compared. An error
	// from it aborts the comparison and is returned.
	Snapshots func(from, to Snapshot) error
}

// Change is a difference. Encoded as JSON it has the fields `restic diff --json`
// prints.
type Change struct {
	// Path is absolute; that of a directory ends in a slash.
	Path string `json:"path"`
	// Modifier is "+" for what is only in To, "-" for what is only in From, and else
	// made of T (another type), M (other content), U (other metadata) and ? (other
	// content with the same metadata, which hints at a failing disk).
	Modifier string `json:"modifier"`
}

// DiffResult counts the differences.
type DiffResult struct {
	From, To     Snapshot  `json:"-"`
	ChangedFiles int       `json:"changed_files"`
	Added        DiffCount `json:"added"`
	Removed      DiffCount `json:"removed"`
}

// DiffCount counts what only one of the snapshots has. A blob counts once, however
// often it is used.
type DiffCount struct {
	Files     int    `json:"files"`
	Dirs      int    `json:"dirs"`
	Others    int    `json:"others"`
	DataBlobs int    `json:"data_blobs"`
	TreeBlobs int    `json:"tree_blobs"`
	Bytes     uint64 `json:"bytes"`
}

// Diff compares two snapshots, or folders in them, and calls fn for each difference. An
// error from fn aborts the comparison and is returned. With a nil fn differences are
// only counted.
func (s *Session) Diff(ctx context.Context, o DiffOptions, fn func(Change) error) (*DiffResult, error) {
	if o.From == "" || o.To == "" {
		return nil, errors.New("diff: two snapshots are needed")
	}
	res := &DiffResult{}
	var from, to *engdata.Snapshot
	var fromFolder, toFolder string
	a := access{index: true, exact: exactIDs(o.From, o.To), names: o.names(), walk: o.roots, walking: noSubtrees}
	a.lists = a.exact == nil
	a.choose = func(ctx context.Context, repo *engrepository.Repository) (err error) {
		find := s.view.finder(ctx, repo, a.lists, a.names)
		if from, fromFolder, err = find(o.From, o.Filter); err != nil {
			return err
		}
		if to, toFolder, err = find(o.To, o.Filter); err != nil || o.Snapshots == nil {
			return err
		}
		return o.Snapshots(newSnapshot(from), newSnapshot(to))
	}
	err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
		if err := enterFolder(ctx, repo, from, fromFolder); err != nil {
			return err
		}
		if err := enterFolder(ctx, repo, to, toFolder); err != nil {
			return err
		}
		res.From, res.To = newSnapshot(from), newSnapshot(to)
		ahead, end := noSubtrees.begin(ctx, repo, engrestic.IDs{*from.Tree, *to.Tree})
		defer end()
		d := differ{
			ctx: ctx, repo: repo, ahead: ahead, o: o, fn: fn, res: res,
			before: newBlobSet(repo), after: newBlobSet(repo), common: newBlobSet(repo),
		}
		return d.run(*from.Tree, *to.Tree)
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// noSubtrees loads the trees it begins with only: which others a comparison enters
// shows when two are compared.
var noSubtrees = walking{wants: func(string, *engdata.Node) bool { return false }}

func (o *DiffOptions) names() []string { return SnapshotFilter{IDs: []string{o.From, o.To}}.names() }

// roots are the trees that the comparison begins with.
func (o *DiffOptions) roots(l snapshotList) (roots engrestic.IDs) {
	for _, name := range []string{o.From, o.To} {
		sn, folder, err := l.find(name, o.Filter)
		if err != nil || folder != "" {
			return nil
		}
		roots = append(roots, *sn.Tree)
	}
	return roots
}

// differ compares two trees.
type differ struct {
	ctx   context.Context
	repo  *engrepository.Repository
	ahead *treeAhead // of what expect names
	o     DiffOptions
	fn    func(Change) error
	res   *DiffResult

	before, after, common *blobSet
	same                  engrestic.IDs // trees that are in both at the same place
}

func (d *differ) run(from, to engrestic.ID) error {
	d.before.Insert(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: from})
	d.after.Insert(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: to})
	if err := d.trees("/", from, to); err != nil {
		return fmt.Errorf("diff: %w", err)
	}
	// Blobs of the common trees are not new, wherever else they are used.
	if err := findUsedBlobs(d.ctx, d.repo, d.same, d.common, nil); err != nil {
		return fmt.Errorf("diff: reading what both have in common: %w", err)
	}
	if err := d.count(d.before, d.after, &d.res.Removed); err != nil {
		return err
	}
	return d.count(d.after, d.before, &d.res.Added)
}

// count counts the blobs that only one of the snapshots has.
func (d *differ) count(blobs, other *blobSet, into *DiffCount) error {
	for h := range blobs.Keys() {
		if other.Has(h) || d.common.Has(h) {
			continue
		}
		if h.Type == engrestic.DataBlob {
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

func (d *differ) report(name string, node *engdata.Node, modifier string) error {
	if d.fn == nil || modifier == "" {
		return nil
	}
	if node.Type == engdata.NodeTypeDir {
		name += "/"
	}
	return d.fn(Change{Path: name, Modifier: modifier})
}

// trees compares two trees at the same place.
func (d *differ) trees(dir string, from, to engrestic.ID) error {
	old, err := d.load(dir, from)
	if err != nil {
		return err
	}
	now, err := d.load(dir, to)
	if err != nil {
		return err
	}
	d.expect(old, now)
	for pair := range engdata.DualTreeIterator(slices.Values(old), slices.Values(now)) {
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

func (d *differ) pair(name string, a, b *engdata.Node) error {
	if err := d.report(name, b, d.modifier(a, b)); err != nil {
		return err
	}
	if a.Type != engdata.NodeTypeDir || b.Type != engdata.NodeTypeDir {
		return nil
	}
	if *a.Subtree == *b.Subtree {
		d.same = append(d.same, *a.Subtree)
		return nil
	}
	return d.trees(name, *a.Subtree, *b.Subtree)
}

func (d *differ) modifier(a, b *engdata.Node) string {
	mod := ""
	if a.Type != b.Type {
		mod = "T"
	}
	if a.Type == engdata.NodeTypeFile && b.Type == engdata.NodeTypeFile && !slices.Equal(a.Content, b.Content) {
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

// single reports a node that only one of the snapshots has, and everything below it.
func (d *differ) single(name string, node *engdata.Node, modifier string, into *DiffCount, blobs *blobSet) error {
	switch node.Type {
	case engdata.NodeTypeFile:
		into.Files++
	case engdata.NodeTypeDir:
		into.Dirs++
	default:
		into.Others++
	}
	if err := d.report(name, node, modifier); err != nil || node.Type != engdata.NodeTypeDir {
		return err
	}
	e, err := d.take(name, *node.Subtree)
	if err != nil {
		return err
	}
	d.ahead.begin(subtrees(e.nodes))
	return e.eachNode(name, func(name string, sub *engdata.Node) error {
		collect(blobs, sub)
		return d.single(name, sub, modifier, into, blobs)
	})
}

// load reads a whole tree, so that no reader stays open if a comparison ends early.
func (d *differ) load(dir string, id engrestic.ID) (nodes []engdata.NodeOrError, err error) {
	e, err := d.take(dir, id)
	if err != nil {
		return nil, err
	}
	err = e.eachNode(dir, func(_ string, node *engdata.Node) error {
		nodes = append(nodes, engdata.NodeOrError{Node: node})
		return nil
	})
	return nodes, err
}

func (d *differ) take(dir string, id engrestic.ID) (*aheadTree, error) {
	if err := d.ctx.Err(); err != nil {
		return nil, err
	}
	if err := tooDeep(id, dir); err != nil {
		return nil, err
	}
	e, err := d.ahead.take(d.ctx, id, dir)
	if err != nil {
		return nil, unreadTree(id, dir, err)
	}
	return e, nil
}

// expect queues the loading of the directories that a comparison of two intact trees
// enters.
func (d *differ) expect(old, now []engdata.NodeOrError) {
	var next engrestic.IDs
	for pair := range engdata.DualTreeIterator(slices.Values(old), slices.Values(now)) {
		if pair.Error != nil {
			return
		}
		below := subtrees([]*engdata.Node{pair.Tree1, pair.Tree2})
		both := pair.Tree1 != nil && pair.Tree2 != nil
		if both && (len(below) < 2 || below[0] == below[1]) {
			continue
		}
		next = append(next, below...)
	}
	d.ahead.begin(next)
}

// subtrees returns the trees of the directories among nodes, which may be nil.
func subtrees(nodes []*engdata.Node) (list engrestic.IDs) {
	for _, n := range nodes {
		if n != nil && n.Type == engdata.NodeTypeDir && n.Subtree != nil {
			list = append(list, *n.Subtree)
		}
	}
	return list
}

// collect adds the blobs a node names.
func collect(blobs *blobSet, node *engdata.Node) {
	if node == nil {
		return
	}
	for _, id := range node.Content {
		blobs.Insert(engrestic.BlobHandle{Type: engrestic.DataBlob, ID: id})
	}
	if node.Type == engdata.NodeTypeDir {
		blobs.Insert(engrestic.BlobHandle{Type: engrestic.TreeBlob, ID: *node.Subtree})
	}
}
