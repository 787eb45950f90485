package restic

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// walking says how a walk goes through trees: as in treeAhead.
type walking struct {
	once  bool
	wants func(name string, n *engdata.Node) bool
}

// begin begins to load the trees of walks that begin at roots, one after the other,
// ahead of them. The caller calls end. An operation that read ahead may have begun the
// same walk then.
func (w walking) begin(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs) (t *treeAhead, end func()) {
	if t := aheadOf(ctx).walk(repo, roots); t != nil {
		return t, t.wait
	}
	ctx, cancel := context.WithCancel(ctx)
	t = w.trees(ctx, repo)
	t.begin(roots)
	return t, func() { cancel(); t.wait() }
}

func (w walking) trees(ctx context.Context, repo *engrepository.Repository) *treeAhead {
	t := newTreeAhead(ctx, repo)
	t.once, t.wants = w.once, w.wants
	return t
}

// eachNode calls fn for each entry of a tree, with its path. A directory passed to it
// always has a tree.
func eachNode(ctx context.Context, repo engrestic.BlobLoader, id engrestic.ID, dir string, fn func(name string, node *engdata.Node) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := repo.LoadBlob(ctx, engrestic.TreeBlob, id, nil)
	if err != nil {
		return unreadTree(id, dir, err)
	}
	e := &aheadTree{id: id, raw: raw}
	e.decode()
	return e.eachNode(dir, fn)
}

// eachNode is eachNode for a tree that is loaded ahead.
func (t *treeAhead) eachNode(ctx context.Context, id engrestic.ID, dir string, fn func(name string, node *engdata.Node) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := tooDeep(id, dir); err != nil {
		return err
	}
	e, err := t.take(ctx, id, dir)
	if err != nil {
		return unreadTree(id, dir, err)
	}
	return e.eachNode(dir, fn)
}

// A few forged trees can be nested so deep that their paths, of which a walk holds that
// of each directory above, take gigabytes. No path has more than 4 KiB on Linux, and
// 32,767 UTF-16 units on Windows.
const (
	maxTreePath  = 128 << 10
	maxTreeDepth = 4096
)

// tooDeep is the error of a directory that is nested too deep, or nil.
func tooDeep(id engrestic.ID, dir string) error {
	if err := checkDepth(len(dir), strings.Count(dir, "/")); err != nil {
		return unreadTree(id, dir[:min(len(dir), 100)]+"…", err)
	}
	return nil
}

// checkDepth refuses a directory with a path of that length and that many steps.
func checkDepth(length, steps int) error {
	if length > maxTreePath || steps > maxTreeDepth {
		return fmt.Errorf("%w: directories are nested deeper than any file system has them", ErrDamaged)
	}
	return nil
}

func (e *aheadTree) eachNode(dir string, fn func(name string, node *engdata.Node) error) error {
	for item := range e.all() {
		if item.Error != nil {
			return unreadTree(e.id, dir, item.Error)
		}
		name := path.Join(dir, item.Node.Name)
		if item.Node.Type == engdata.NodeTypeDir && item.Node.Subtree == nil {
			return fmt.Errorf("%w: the directory %s has no tree", ErrDamaged, name)
		}
		if err := fn(name, item.Node); err != nil {
			return err
		}
	}
	return nil
}

func unreadTree(id engrestic.ID, dir string, err error) error {
	return fmt.Errorf("reading the directory %s (tree %v): %w", dir, id, err)
}

// decode decodes the tree. What decodeEngineTree leaves to the engine is decoded here
// only if it takes no more memory than other trees.
func (e *aheadTree) decode() {
	var ok bool
	if e.nodes, ok = decodeEngineTree(e.raw); ok {
		return
	}
	e.nodes, e.odd = nil, true
	var nodes []*engdata.Node
	for item := range e.all() {
		if item.Error != nil || len(nodes) == engineRoom(e.raw) {
			return
		}
		nodes = append(nodes, item.Node)
	}
	e.nodes, e.odd = nodes, false
}

// decodeLike is decode for a tree that is expected to be like the last one at its path.
func (e *aheadTree) decodeLike(last *engineNodesTree) {
	if e.like = decodeTreeLike(e.raw, last); e.like == nil {
		e.decode()
		return
	}
	e.nodes, e.last = e.like.nodes, last
}

// all returns the nodes in their order. Those of an odd tree come from the engine's
// decoder, one after the other until its error.
func (e *aheadTree) all() engdata.TreeNodeIterator {
	if e.odd {
		nodes, err := engdata.NewTreeNodeIterator(bytes.NewReader(e.raw))
		if err == nil {
			return nodes
		}
		return func(yield func(engdata.NodeOrError) bool) { yield(engdata.NodeOrError{Error: err}) }
	}
	return func(yield func(engdata.NodeOrError) bool) {
		for _, n := range e.nodes {
			if !yield(engdata.NodeOrError{Node: n}) {
				return
			}
		}
	}
}
