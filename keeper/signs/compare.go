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
	// Read is how many changed files are read where they begin to differ, one to three
	// blobs each; 0 reads none.
	Read int
	// Limit is how many changed files are looked at, and as many new and deleted ones;
	// 0 means 200,000. New and deleted files beyond it are counted only.
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
	c := &comparison{src: src, opts: opts, dirs: map[side]int{}, Changes: Changes{Before: before, After: after}}
	if err := c.directory(ctx, "/", old, now, 0); err != nil {
		return nil, err
	}
	c.withoutMoved()
	c.New, c.Changed, c.Deleted = len(c.added)+c.more, len(c.changed), len(c.removed)+c.less
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

	dirs           map[side]int // directories compared so far
	more, less     int          // new files that are not in added, deleted ones not in removed
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
	at := sideOf(old, now)
	if old == now || c.full(at) {
		return nil
	}
	c.dirs[at]++
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
	case oldFile && len(c.removed) < c.opts.Limit:
		c.removed = append(c.removed, fileOf(at, old))
	case oldFile:
		c.less++
		c.Partial = true
	case newFile && len(c.added) < c.opts.Limit:
		c.added = append(c.added, fileOf(at, now))
	case newFile:
		c.more++
		c.Partial = true
	}
	if o, n := subtree(old), subtree(now); o != n {
		return c.directory(ctx, at, o, n, depth+1)
	}
	return nil
}

// side is in which of the snapshots a directory is.
type side int

const (
	both side = iota
	onlyNow
	onlyBefore
)

func sideOf(old, now restic.ID) side {
	switch {
	case old.IsZero():
		return onlyNow
	case now.IsZero():
		return onlyBefore
	}
	return both
}

// full reports whether no more directories of a side are looked at. Whoever makes many
// new files, or deletes many, hides no change of the others behind them.
func (c *comparison) full(at side) bool {
	files := map[side]int{both: len(c.changed), onlyNow: len(c.added) + c.more, onlyBefore: len(c.removed) + c.less}[at]
	// A few trees that refer to each other can stand for any number of directories.
	if files < c.opts.Limit && c.dirs[at] < 5*c.opts.Limit {
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
