//go:build linux || darwin || freebsd

package fusemount

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

// dir is a directory below a snapshot, or the root of one. Its identity is unique to
// its path.
type dir struct {
	entry
	parent *dir // nil at the root of a snapshot
	index  int  // in the parent's tree

	tree  atomic.Pointer[tree] // once it has been needed
	dirs  atomic.Int64         // directories in it plus one; 0: not known yet
	reads atomic.Int64         // files in it that were read from their beginning
	ahead sync.Once            // the trees of its directories are fetched once

	counted *list.Element // in mount.entries, which guards it
	count   int
}

// load returns the directory's entries.
func (d *dir) load(ctx context.Context) (*tree, error) {
	if t := d.tree.Load(); t != nil {
		return t, nil
	}
	if d.node.Subtree == nil {
		return &tree{}, nil
	}
	t, err := d.m.loader.tree(ctx, *d.node.Subtree)
	if err != nil {
		return nil, err
	}
	d.dirs.Store(int64(t.dirs) + 1)
	d.tree.Store(t)
	return t, nil
}

func (d *dir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	t, err := d.load(ctx)
	if err != nil {
		return nil, errno(err)
	}
	i := t.find(name)
	if i < 0 {
		return nil, syscall.ENOENT
	}
	return d.child(ctx, t, i, out), 0
}

// child returns the inode of an entry and fills in its attributes.
func (d *dir) child(ctx context.Context, t *tree, i int, out *fuse.EntryOut) *fs.Inode {
	n := &t.nodes[i]
	id := d.childID(n)
	d.m.fill(&out.Attr, n, id)
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	var ops fs.InodeEmbedder
	switch n.Type {
	case restic.NodeDir:
		out.Attr.Nlink = 2
		out.SetAttrTimeout(soon) // until it is known how many directories it has
		ops = &dir{entry: entryOf(d.m, n, id), parent: d, index: i}
	case restic.NodeFile:
		ops = &file{entry: entryOf(d.m, n, id), dir: d, index: i}
	default:
		ops = &entry{m: d.m, node: n, id: id}
	}
	return d.NewInode(ctx, ops, id.attr(typeBits(n.Type)))
}

// childID returns the identity of an entry. Files with the same content, metadata and
// name share one wherever they are, so that data cached from one snapshot is not read
// again from another.
func (d *dir) childID(n *restic.TreeNode) identity {
	if n.Type == restic.NodeDir {
		return identify("dir", string(d.id[:]), n.Name)
	}
	return identity(n.Fingerprint)
}

// Getattr counts links as file systems do, two plus one per subdirectory, once the
// entries are known.
func (d *dir) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.m.fill(&out.Attr, d.node, d.id)
	out.Nlink = 2
	out.SetTimeout(soon)
	if dirs := d.dirs.Load(); dirs > 0 {
		out.Nlink += uint32(dirs - 1)
		out.SetTimeout(forever)
	}
	return 0
}

func (d *dir) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	t, err := d.load(ctx)
	if err != nil {
		return nil, 0, errno(err)
	}
	d.ahead.Do(func() { d.m.aheadOfDir(t) })
	d.m.entries.listed(d, len(t.nodes))
	parent := d.id
	if d.parent != nil {
		parent = d.parent.id
	}
	return &listing{
		self: d.id.ino(), parent: parent.ino(), count: len(t.nodes),
		at: func(i int) fuse.DirEntry {
			n := &t.nodes[i]
			return fuse.DirEntry{Name: n.Name, Mode: typeBits(n.Type), Ino: d.childID(n).ino()}
		},
		child: func(ctx context.Context, i int, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
			return d.child(ctx, t, i, out), 0
		},
	}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// aheadOfDir prefetches the trees of the directories in t, since a program that lists a
// directory usually descends into it.
func (m *mount) aheadOfDir(t *tree) {
	var handles []restic.BlobHandle
	for i := range t.nodes {
		if n := &t.nodes[i]; n.Type == restic.NodeDir && n.Subtree != nil {
			handles = append(handles, restic.BlobHandle{Type: restic.BlobTree, ID: *n.Subtree})
			if len(handles) == aheadTrees {
				break
			}
		}
	}
	m.loader.prefetch(handles, treeRun, nil)
}

const (
	aheadTrees = 512
	treeRun    = 2 << 20
)

var (
	_ fs.NodeLookuper       = (*dir)(nil)
	_ fs.NodeGetattrer      = (*dir)(nil)
	_ fs.NodeOpendirHandler = (*dir)(nil)
)
