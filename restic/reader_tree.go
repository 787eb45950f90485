package restic

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
)

// TreeNode is one entry of a tree: a file, a directory or something else that a backup
// recorded.
type TreeNode struct {
	Name       string
	Type       NodeType
	Mode       fs.FileMode
	UID, GID   uint32
	Size       uint64 // of a file, in bytes
	Links      uint64 // number of hard links, as it was when the backup was made
	Device     uint64 // number of a device node
	ModTime    time.Time
	AccessTime time.Time
	ChangeTime time.Time
	LinkTarget string
	Xattrs     []Xattr
	Content    []ID // blobs of a file, in order; nil if the tree has no list of them
	Subtree    *ID  // tree of a directory, nil if it has none

	// Fingerprint identifies a node: nodes with the same one have the same content and
	// metadata. It covers the name, except for a file with several hard links, whose
	// names thereby share one.
	Fingerprint [16]byte
}

// Xattr is an extended attribute.
type Xattr struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// NodeType is the type of a node.
type NodeType uint8

// The types of nodes. NodeUnknown is a type that this version does not know or that the
// backup could not determine.
const (
	NodeUnknown NodeType = iota
	NodeFile
	NodeDir
	NodeSymlink
	NodeDevice
	NodeCharDevice
	NodeFifo
	NodeSocket
)

// DecodeTree decodes the plain bytes of a tree. It reads any tree that the engine can
// read, with the same result.
func DecodeTree(raw []byte) ([]TreeNode, error) {
	if nodes, ok := decodeTreeFast(raw); ok {
		return nodes, nil
	}
	nodes, err := decodeTreeSlowly(raw)
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

// decodeTreeSlowly uses the engine's decoder for every field. With an error come the
// nodes before it.
func decodeTreeSlowly(raw []byte) ([]TreeNode, error) {
	iterator, err := engdata.NewTreeNodeIterator(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("decoding a tree: %w", err)
	}
	nodes := []TreeNode{}
	for item := range iterator {
		if item.Error != nil {
			return nodes, fmt.Errorf("decoding a tree: %w", item.Error)
		}
		n, err := newTreeNode(item.Node)
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func newTreeNode(n *engdata.Node) (TreeNode, error) {
	out := TreeNode{
		Name: n.Name, Type: nodeType([]byte(n.Type)), Mode: n.Mode, UID: n.UID, GID: n.GID,
		Size: n.Size, Links: n.Links, Device: n.Device, LinkTarget: n.LinkTarget,
		ModTime: n.ModTime, AccessTime: n.AccessTime, ChangeTime: n.ChangeTime,
	}
	for _, x := range n.ExtendedAttributes {
		out.Xattrs = append(out.Xattrs, Xattr(x))
	}
	if n.Content != nil {
		out.Content = make([]ID, 0, len(n.Content))
	}
	for _, id := range n.Content {
		out.Content = append(out.Content, ID(id))
	}
	if n.Subtree != nil {
		id := ID(*n.Subtree)
		out.Subtree = &id
	}
	same := *n
	if sharesName(out) {
		same.Name = ""
	}
	text, err := json.Marshal(same)
	if err != nil {
		return TreeNode{}, fmt.Errorf("decoding a tree: %w", err)
	}
	out.Fingerprint = fingerprint(text, nil)
	return out, nil
}

// sharesName reports whether the names of a node are interchangeable.
func sharesName(n TreeNode) bool { return n.Links > 1 && n.Type != NodeDir }

// fingerprint hashes a node given in two parts.
func fingerprint(before, after []byte) (out [16]byte) {
	if after == nil {
		sum := sha256.Sum256(before)
		return [16]byte(sum[:16])
	}
	h := sha256.New()
	h.Write(before)
	h.Write(after)
	var sum [sha256.Size]byte
	return [16]byte(h.Sum(sum[:0])[:16])
}

func nodeType(name []byte) NodeType {
	switch string(name) {
	case "file":
		return NodeFile
	case "dir":
		return NodeDir
	case "symlink":
		return NodeSymlink
	case "dev":
		return NodeDevice
	case "chardev":
		return NodeCharDevice
	case "fifo":
		return NodeFifo
	case "socket":
		return NodeSocket
	}
	return NodeUnknown
}
