package restic

import (
	"io/fs"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Node is an entry of a snapshot: a file, a directory or something else, as the backup
// recorded it.
type Node struct {
	// Path is the absolute path in the snapshot, with slashes on every system.
	Path string
	Name string
	Type NodeType
	Mode fs.FileMode

	ModTime, AccessTime, ChangeTime time.Time

	UID, GID    uint32
	User, Group string

	Inode    uint64
	DeviceID uint64 // of the file system; recorded for files with several links
	Links    uint64
	Device   uint64 // number of a device node
	Size     uint64 // of a file, in bytes

	LinkTarget string
	Xattrs     []Xattr
	Content    []ID // blobs of a file, in order
	Subtree    ID   // tree of a directory
}

// nodeTypeNames are the names restic uses.
var nodeTypeNames = map[NodeType]string{
	NodeFile:       "file",
	NodeDir:        "dir",
	NodeSymlink:    "symlink",
	NodeDevice:     "dev",
	NodeCharDevice: "chardev",
	NodeFifo:       "fifo",
	NodeSocket:     "socket",
}

// String returns restic's name for the type: file, dir, symlink, dev, chardev, fifo or
// socket; "" for NodeUnknown.
func (t NodeType) String() string { return nodeTypeNames[t] }

// mode returns the bits of a mode that are the type.
func (t NodeType) mode() fs.FileMode {
	switch t {
	case NodeFile:
		return 0
	case NodeDir:
		return fs.ModeDir
	case NodeSymlink:
		return fs.ModeSymlink
	case NodeDevice:
		return fs.ModeDevice
	case NodeCharDevice:
		return fs.ModeDevice | fs.ModeCharDevice
	case NodeFifo:
		return fs.ModeNamedPipe
	case NodeSocket:
		return fs.ModeSocket
	}
	return fs.ModeIrregular
}

// MarshalText writes the type as String does.
func (t NodeType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote. A name that restic does not have is
// NodeUnknown, as in a tree.
func (t *NodeType) UnmarshalText(text []byte) error {
	*t = nodeType(text)
	return nil
}

func newNode(path string, n *engdata.Node) Node {
	out := Node{
		Path: path, Name: n.Name, Type: nodeType([]byte(n.Type)), Mode: n.Mode,
		ModTime: n.ModTime, AccessTime: n.AccessTime, ChangeTime: n.ChangeTime,
		UID: n.UID, GID: n.GID, User: n.User, Group: n.Group,
		Inode: n.Inode, DeviceID: n.DeviceID, Links: n.Links, Device: n.Device, Size: n.Size,
		LinkTarget: n.LinkTarget, Content: newIDs(n.Content), Subtree: fromEngine(n.Subtree),
	}
	for _, x := range n.ExtendedAttributes {
		out.Xattrs = append(out.Xattrs, Xattr(x))
	}
	return out
}

func newIDs(ids engrestic.IDs) []ID {
	if ids == nil {
		return nil
	}
	out := make([]ID, len(ids))
	for i, id := range ids {
		out[i] = ID(id)
	}
	return out
}
