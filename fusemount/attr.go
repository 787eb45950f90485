//go:build linux || darwin || freebsd

package fusemount

import (
	"crypto/sha256"
	"encoding/binary"
	iofs "io/fs"
	"math"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

const (
	// forever is how long the kernel may cache what cannot change.
	forever = 30 * 24 * time.Hour
	// soon is how long it may cache what can.
	soon = time.Second
)

// identity identifies an inode. The kernel shares its caches between inodes with the
// same identity, so different things must never have the same one: it comes from a
// cryptographic hash.
type identity [16]byte

// identify hashes its parts.
func identify(kind string, parts ...string) (id identity) {
	h := sha256.New()
	h.Write([]byte(kind))
	for _, p := range parts {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return identity(h.Sum(sum[:0])[:len(id)])
}

// ino is the inode number that users see: stable across mounts, and never a reserved
// number.
func (id identity) ino() uint64 {
	n := binary.LittleEndian.Uint64(id[:8])
	if n < 2 || n == math.MaxUint64 {
		n = 2
	}
	return n
}

// attr is the identity in go-fuse's form, with the second half as the generation.
func (id identity) attr(mode uint32) fs.StableAttr {
	return fs.StableAttr{Mode: mode, Ino: id.ino(), Gen: binary.LittleEndian.Uint64(id[8:])}
}

// typeBits returns the type of a node as in st_mode.
func typeBits(t restic.NodeType) uint32 {
	switch t {
	case restic.NodeDir:
		return syscall.S_IFDIR
	case restic.NodeSymlink:
		return syscall.S_IFLNK
	case restic.NodeDevice:
		return syscall.S_IFBLK
	case restic.NodeCharDevice:
		return syscall.S_IFCHR
	case restic.NodeFifo:
		return syscall.S_IFIFO
	case restic.NodeSocket:
		return syscall.S_IFSOCK
	}
	return syscall.S_IFREG
}

// permissionBits returns the lower twelve bits of st_mode.
func permissionBits(m iofs.FileMode) uint32 {
	bits := uint32(m.Perm())
	if m&iofs.ModeSetuid != 0 {
		bits |= syscall.S_ISUID
	}
	if m&iofs.ModeSetgid != 0 {
		bits |= syscall.S_ISGID
	}
	if m&iofs.ModeSticky != 0 {
		bits |= syscall.S_ISVTX
	}
	return bits
}

// fill sets what stat shows of a node.
func (m *mount) fill(out *fuse.Attr, n *restic.TreeNode, id identity) {
	*out = fuse.Attr{
		Ino:  id.ino(),
		Mode: typeBits(n.Type) | permissionBits(n.Mode),
		// not 512 as in restic's mount: programs use it as their read size
		Blksize: 4096,
		Nlink:   uint32(min(max(n.Links, 1), math.MaxUint32)),
	}
	if !m.opts.OwnerRoot {
		out.Uid, out.Gid = n.UID, n.GID
	}
	out.SetTimes(&n.AccessTime, &n.ModTime, &n.ChangeTime)
	switch n.Type {
	case restic.NodeFile:
		out.Size = n.Size
	case restic.NodeSymlink:
		out.Size = uint64(len(n.LinkTarget))
	case restic.NodeDevice, restic.NodeCharDevice:
		out.Rdev = uint32(n.Device)
	}
	out.Blocks = (out.Size + 511) / 512
}
