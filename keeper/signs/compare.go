package signs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"

	"github.com/cesnet/rwm/restic"
)

// Source reads trees and blobs of a repository.
type Source interface {
	Tree(ctx context.Context, id restic.ID) ([]restic.TreeNode, error)
	Blob(ctx context.Context, id restic.ID) ([]byte, error)
}

// CompareOptions configures [Compare].
type CompareOptions struct {
	// Read is how many changed files are read at their beginning, one or two blobs
	// each; 0 reads none.
	Read int
	// Limit is how many changed, new and deleted files are looked at; 0 means 200,000.
	Limit int
}

// Compare finds the differences between two trees. Directories that are the same in
// both are not loaded, so the cost follows the changes: one tree of each side for
// every directory in which something changed, and the blobs of CompareOptions.Read.
// Memory use grows with the changes, up to the limit.
//
// before and after are how many files the snapshots have, as their summaries say.
func Compare(ctx context.Context, src Source, old, now restic.ID, before, after int, opts CompareOptions) (*Changes, error) {
	if opts.Limit == 0 {
		opts.Limit = 200_000
	}
	c := &comparison{src: src, opts: opts, Changes: Changes{Before: before, After: after}}
	if err := c.directory(ctx, "/", old, now, 0); err != nil {
		return nil, err
	}
	c.withoutMoved()
	c.New, c.Changed, c.Deleted = len(c.added), len(c.changed), len(c.removed)
	c.renames()
	c.notes()
	c.ChangedPaths = somePaths(c.changed)
	c.DeletedPaths = somePaths(c.removed)
	return &c.Changes, c.contents(ctx)
}

type comparison struct {
	Changes
	src  Source
	opts CompareOptions

	dirs           int // compared so far
	added, removed []file
	changed        []pair
	renamed        []pair
	replaced       []pair // files that went, and others that came in their place
}

type file struct {
	path    string
	size    uint64
	content []restic.ID
}

func (f file) name() string { return f.path }

type pair struct{ old, now file }

func (p pair) name() string { return p.now.path }

// maxDepth is deeper than any file system: trees may be made to refer to themselves.
const maxDepth = 1000

func (c *comparison) directory(ctx context.Context, dir string, old, now restic.ID, depth int) error {
	if old == now || c.full() {
		return nil
	}
	c.dirs++
	if depth > maxDepth {
		return fmt.Errorf("%s: directories are nested more than %d deep", shown(dir), maxDepth)
	}
	before, err := c.load(ctx, old)
	if err != nil {
		return err
	}
	after, err := c.load(ctx, now)
	if err != nil {
		return err
	}
	for name, n := range after {
		if err := c.entry(ctx, path.Join(dir, name), before[name], n, depth); err != nil {
			return err
		}
	}
	for name, o := range before {
		if after[name] == nil {
			if err := c.entry(ctx, path.Join(dir, name), o, nil, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) load(ctx context.Context, id restic.ID) (map[string]*restic.TreeNode, error) {
	if id.IsZero() {
		return nil, nil
	}
	nodes, err := c.src.Tree(ctx, id)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*restic.TreeNode, len(nodes))
	for i := range nodes {
		byName[nodes[i].Name] = &nodes[i]
	}
	return byName, nil
}

// entry compares what is at a path; one of the nodes may be nil.
func (c *comparison) entry(ctx context.Context, at string, old, now *restic.TreeNode, depth int) error {
	oldFile, newFile := isFile(old), isFile(now)
	switch {
	case oldFile && newFile:
		if !slices.Equal(old.Content, now.Content) {
			c.changed = append(c.changed, pair{fileOf(at, old), fileOf(at, now)})
		}
	case oldFile:
		c.removed = append(c.removed, fileOf(at, old))
	case newFile:
		c.added = append(c.added, fileOf(at, now))
	}
	if o, n := subtree(old), subtree(now); o != n {
		return c.directory(ctx, at, o, n, depth+1)
	}
	return nil
}

func (c *comparison) full() bool {
	// A few trees that refer to each other can stand for any number of directories.
	if len(c.added)+len(c.removed)+len(c.changed) < c.opts.Limit && c.dirs < 5*c.opts.Limit {
		return false
	}
	c.Partial = true
	return true
}

func isFile(n *restic.TreeNode) bool { return n != nil && n.Type == restic.NodeFile }

func fileOf(at string, n *restic.TreeNode) file { return file{at, n.Size, n.Content} }

func subtree(n *restic.TreeNode) restic.ID {
	if n == nil || n.Subtree == nil {
		return restic.ID{}
	}
	return *n.Subtree
}

// withoutMoved takes out what is gone here and came with the same content there.
func (c *comparison) withoutMoved() {
	gone := map[[sha256.Size]byte]int{}
	for _, f := range c.removed {
		gone[f.key()]++
	}
	moved := map[[sha256.Size]byte]int{}
	c.added = slices.DeleteFunc(c.added, func(f file) bool {
		k := f.key()
		if f.size == 0 || gone[k] == 0 {
			return false
		}
		gone[k]--
		moved[k]++
		return true
	})
	c.removed = slices.DeleteFunc(c.removed, func(f file) bool {
		k := f.key()
		if moved[k] == 0 {
			return false
		}
		moved[k]--
		c.Moved++
		return true
	})
}

func (f file) key() [sha256.Size]byte {
	h := sha256.New()
	for _, id := range f.content {
		h.Write(id[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
