//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	iofs "io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

// namesDir is a directory above the snapshots. What is in it changes with the
// snapshots.
type namesDir struct {
	fs.Inode
	m    *mount
	path string
	id   identity
}

func newNamesDir(m *mount, path string) *namesDir {
	return &namesDir{m: m, path: path, id: identify("above", path)}
}

// now returns what is in the directory.
func (a *namesDir) now(ctx context.Context) (*name, syscall.Errno) {
	select {
	case <-a.m.ready:
	case <-ctx.Done():
		return nil, syscall.EINTR
	}
	if a.m.readyErr != nil {
		return nil, syscall.EIO
	}
	root, err := a.m.snapshots.current(ctx)
	if err != nil {
		return nil, errno(err)
	}
	n := root.at(a.path)
	if n == nil {
		return nil, syscall.ENOENT
	}
	return n, 0
}

func (a *namesDir) Lookup(ctx context.Context, entry string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n, e := a.now(ctx)
	if e != 0 {
		return nil, e
	}
	child := n.entries[entry]
	if child == nil {
		return nil, syscall.ENOENT
	}
	return a.child(ctx, entry, child, out), 0
}

func (a *namesDir) childID(entry string, n *name) identity {
	p := a.path + "/" + entry
	switch {
	case n.link != "":
		// a link with another target is another link, since the kernel caches targets
		return identify("link", p, n.link)
	case n.snapshot != nil:
		return identify("snapshot", p, n.snapshot.ID.String())
	}
	return identify("above", p)
}

func (n *name) mode() uint32 {
	if n.link != "" {
		return syscall.S_IFLNK
	}
	return syscall.S_IFDIR
}

func (a *namesDir) child(ctx context.Context, entry string, n *name, out *fuse.EntryOut) *fs.Inode {
	id := a.childID(entry, n)
	out.SetEntryTimeout(soon)
	var ops fs.InodeEmbedder
	switch {
	case n.link != "":
		l := &latest{m: a.m, id: id, target: n.link, time: n.snapshot.Time}
		l.fill(&out.Attr)
		out.SetAttrTimeout(forever)
		ops = l
	case n.snapshot != nil:
		tree := n.snapshot.Tree
		at := n.snapshot.Time
		node := &restic.TreeNode{Name: entry, Type: restic.NodeDir, Mode: iofs.ModeDir | 0o555, ModTime: at, AccessTime: at, ChangeTime: at, Subtree: &tree}
		a.m.fill(&out.Attr, node, id)
		out.Attr.Nlink = 2
		out.SetAttrTimeout(soon)
		ops = &dir{entry: entryOf(a.m, node, id)}
	default:
		v := newNamesDir(a.m, a.path+"/"+entry)
		v.fill(&out.Attr)
		out.SetAttrTimeout(soon)
		ops = v
	}
	return a.NewInode(ctx, ops, id.attr(n.mode()))
}

func entryOf(m *mount, node *restic.TreeNode, id identity) entry {
	return entry{m: m, node: node, id: id}
}

func (a *namesDir) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	n, e := a.now(ctx)
	if e != 0 {
		return nil, 0, e
	}
	entries := slices.Sorted(maps.Keys(n.entries))
	return &listing{
		self: a.StableAttr().Ino, parent: a.StableAttr().Ino, count: len(entries),
		at: func(i int) fuse.DirEntry {
			child := n.entries[entries[i]]
			return fuse.DirEntry{Name: entries[i], Mode: child.mode(), Ino: a.childID(entries[i], child).ino()}
		},
		child: func(ctx context.Context, i int, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
			return a.child(ctx, entries[i], n.entries[entries[i]], out), 0
		},
	}, 0, 0
}

func (a *namesDir) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	a.fill(&out.Attr)
	out.SetTimeout(soon)
	return 0
}

func (a *namesDir) fill(out *fuse.Attr) {
	*out = fuse.Attr{Ino: a.id.ino(), Mode: syscall.S_IFDIR | 0o555, Nlink: 1, Blksize: 4096, Owner: a.m.owner}
	if a.path == "" {
		out.Ino = fuse.FUSE_ROOT_ID
	}
	at := a.m.began
	out.SetTimes(&at, &at, &at)
}

func (a *namesDir) Access(context.Context, uint32) syscall.Errno { return syscall.ENOSYS }

func (a *namesDir) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno { return statfs(out) }

// latest is the link to the newest snapshot of a directory.
type latest struct {
	fs.Inode
	m      *mount
	id     identity
	target string
	time   time.Time
}

func (l *latest) Readlink(context.Context) ([]byte, syscall.Errno) { return []byte(l.target), 0 }

func (l *latest) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	l.fill(&out.Attr)
	out.SetTimeout(forever)
	return 0
}

func (l *latest) fill(out *fuse.Attr) {
	size := uint64(len(l.target))
	*out = fuse.Attr{Ino: l.id.ino(), Mode: syscall.S_IFLNK | 0o777, Nlink: 1, Size: size, Blocks: (size + 511) / 512, Blksize: 4096, Owner: l.m.owner}
	out.SetTimes(&l.time, &l.time, &l.time)
}

var (
	_ fs.NodeLookuper       = (*namesDir)(nil)
	_ fs.NodeOpendirHandler = (*namesDir)(nil)
	_ fs.NodeGetattrer      = (*namesDir)(nil)
	_ fs.NodeAccesser       = (*namesDir)(nil)
	_ fs.NodeStatfser       = (*namesDir)(nil)
	_ fs.NodeReadlinker     = (*latest)(nil)
	_ fs.NodeGetattrer      = (*latest)(nil)
)
