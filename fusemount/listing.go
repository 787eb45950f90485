//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// listing is an open directory: a fixed list of entries after "." and "..".
type listing struct {
	self, parent uint64
	count        int
	at           func(i int) fuse.DirEntry
	child        func(ctx context.Context, i int, out *fuse.EntryOut) (*fs.Inode, syscall.Errno)
	next         int // 0 is ".", 1 is "..", 2 the first entry
}

func (l *listing) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	var e fuse.DirEntry
	switch {
	case l.next == 0:
		e = fuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR, Ino: l.self}
	case l.next == 1:
		e = fuse.DirEntry{Name: "..", Mode: syscall.S_IFDIR, Ino: l.parent}
	case l.next-2 < l.count:
		e = l.at(l.next - 2)
	default:
		return nil, 0
	}
	l.next++
	e.Off = uint64(l.next)
	return &e, 0
}

// Seekdir continues after the entry with this offset.
func (l *listing) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off > uint64(l.count+2) {
		return syscall.EINVAL
	}
	l.next = int(off)
	return 0
}

// Lookup is called for the entry that Readdirent returned last, unless the kernel
// repeats an interrupted request.
func (l *listing) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if i := l.next - 3; i >= 0 && l.at(i).Name == name {
		return l.child(ctx, i, out)
	}
	for i := range l.count {
		if l.at(i).Name == name {
			return l.child(ctx, i, out)
		}
	}
	return nil, syscall.ENOENT
}

var (
	_ fs.FileReaddirenter = (*listing)(nil)
	_ fs.FileSeekdirer    = (*listing)(nil)
	_ fs.FileLookuper     = (*listing)(nil)
)
