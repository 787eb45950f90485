//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

// entry is the common part of all inodes below a snapshot.
type entry struct {
	fs.Inode
	m    *mount
	node *restic.TreeNode
	id   identity
}

func (e *entry) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	e.m.fill(&out.Attr, e.node, e.id)
	out.SetTimeout(forever)
	return 0
}

// Access leaves permissions to the kernel, which then stops asking.
func (e *entry) Access(context.Context, uint32) syscall.Errno { return syscall.ENOSYS }

func (e *entry) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	for _, x := range e.node.Xattrs {
		if x.Name == name {
			if len(dest) < len(x.Value) {
				return uint32(len(x.Value)), syscall.ERANGE
			}
			return uint32(copy(dest, x.Value)), 0
		}
	}
	return 0, noAttribute
}

func (e *entry) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	size := 0
	for _, x := range e.node.Xattrs {
		size += len(x.Name) + 1
	}
	if len(dest) < size {
		return uint32(size), syscall.ERANGE
	}
	at := 0
	for _, x := range e.node.Xattrs {
		at += copy(dest[at:], x.Name)
		dest[at] = 0
		at++
	}
	return uint32(size), 0
}

func (e *entry) Readlink(context.Context) ([]byte, syscall.Errno) {
	if e.node.Type != restic.NodeSymlink {
		return nil, syscall.EINVAL
	}
	return []byte(e.node.LinkTarget), 0
}

func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno { return statfs(out) }

func statfs(out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return 0
}

var (
	_ fs.NodeGetattrer   = (*entry)(nil)
	_ fs.NodeAccesser    = (*entry)(nil)
	_ fs.NodeGetxattrer  = (*entry)(nil)
	_ fs.NodeListxattrer = (*entry)(nil)
	_ fs.NodeReadlinker  = (*entry)(nil)
	_ fs.NodeStatfser    = (*entry)(nil)
)
