//go:build linux || darwin || freebsd

package fusemount

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/cesnet/rwm/restic"
)

// tree is the entries of a directory, by name. It does not change.
type tree struct {
	nodes   []restic.TreeNode
	dirs    int  // how many are directories
	special bool // some must be replaced by their own entries: see flatten
}

func newTree(raw []byte) (*tree, error) {
	nodes, err := restic.DecodeTree(raw)
	if err != nil {
		return nil, err
	}
	return makeTree(nodes), nil
}

// makeTree sorts nodes and drops those a file system cannot show. Of several with the
// same name the last counts, as in restic.
func makeTree(nodes []restic.TreeNode) *tree {
	t := &tree{}
	kept := nodes[:0]
	for _, n := range nodes {
		if isSpecial(&n) {
			t.special = true
			kept = append(kept, n)
			continue
		}
		if strings.Contains(n.Name, "/") {
			n.Name = path.Base(n.Name)
		}
		if n.Type == restic.NodeUnknown || n.Name == "" || n.Name == "." || n.Name == ".." || n.Name == "/" || strings.ContainsRune(n.Name, 0) || len(n.Name) > 255 {
			continue
		}
		kept = append(kept, n)
	}
	slices.SortStableFunc(kept, func(a, b restic.TreeNode) int { return strings.Compare(a.Name, b.Name) })
	out := kept[:0]
	for i, n := range kept {
		if i+1 < len(kept) && kept[i+1].Name == n.Name {
			continue
		}
		out = append(out, n)
		if n.Type == restic.NodeDir {
			t.dirs++
		}
	}
	clear(kept[len(out):])
	t.nodes = out
	return t
}

// isSpecial reports whether a node stands for its own entries: old versions of restic
// wrote trees with a directory "/" or ".".
func isSpecial(n *restic.TreeNode) bool {
	return n.Type == restic.NodeDir && n.Subtree != nil && (n.Name == "." || n.Name == "/")
}

// find returns the index of the entry with a name, or -1.
func (t *tree) find(name string) int {
	i, ok := slices.BinarySearchFunc(t.nodes, name, func(n restic.TreeNode, name string) int { return cmp.Compare(n.Name, name) })
	if !ok {
		return -1
	}
	return i
}

// tree loads the entries of a directory.
func (l *loader) tree(ctx context.Context, id restic.ID) (*tree, error) {
	b := l.want(restic.BlobHandle{Type: restic.BlobTree, ID: id})
	defer l.release(b, false)
	if err := l.wait(ctx, b); err != nil {
		return nil, err
	}
	t := b.Tree.(*tree)
	if !t.special {
		return t, nil
	}
	return l.flatten(ctx, t)
}

// flatten replaces special nodes by the entries below them.
func (l *loader) flatten(ctx context.Context, t *tree) (*tree, error) {
	var nodes []restic.TreeNode
	for i := range t.nodes {
		n := &t.nodes[i]
		if !isSpecial(n) {
			nodes = append(nodes, *n)
			continue
		}
		b := l.want(restic.BlobHandle{Type: restic.BlobTree, ID: *n.Subtree})
		err := l.wait(ctx, b)
		if err == nil {
			nodes = append(nodes, b.Tree.(*tree).nodes...)
		}
		l.release(b, false)
		if err != nil {
			return nil, err
		}
	}
	return makeTree(slices.DeleteFunc(nodes, func(n restic.TreeNode) bool { return isSpecial(&n) })), nil
}
