package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engdata "github.com/restic/restic/rwmlink/data"
	engpack "github.com/restic/restic/rwmlink/pack"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// treeExam decides which packs sealed hosts may read.
//
// A header that says "tree" is no proof either. If a forged index calls a file's data
// a tree, and the data can be read as one, a prune writes it as a tree into a new pack.
// So each blob of the pack has to be, byte for byte, a tree as restic writes it, also
// those that the newest snapshots do not need: a host reads the pack as a whole.
type treeExam struct {
	be     engbackend.Backend
	key    *engcrypto.Key
	unpack *unpacker

	// one holds the memory for a single tree at a time, which may be large.
	one sync.Mutex

	mu   sync.Mutex
	data int // packs that have file data by their headers
	odd  int // packs with a blob that is no tree as restic writes it
}

// may reads a pack from the bucket, not from the cache. A host that replaces the object
// before it is copied can only use bytes that it has: it cannot bring back an old
// version.
func (e *treeExam) may(ctx context.Context, name string, size int64) (bool, error) {
	h := engbackend.Handle{Type: engbackend.PackFile, Name: name}
	blobs, _, err := engpack.List(e.key, engbackend.ReaderAt(ctx, e.be, h), size)
	if err != nil {
		return false, fmt.Errorf("reading the header of pack %s: %w", name, err)
	}
	length := int64(0)
	for _, blob := range blobs {
		if blob.Type != engrestic.TreeBlob {
			return false, e.count(&e.data)
		}
		length += int64(blob.Length)
	}
	if length == 0 || length > size || size > maxTreePack {
		return false, e.count(&e.odd)
	}
	good := false
	err = e.be.Load(ctx, h, int(length), 0, func(rd io.Reader) (err error) {
		good, err = e.trees(blobs, rd)
		return err
	})
	if err != nil && !errors.Is(err, ErrDamaged) {
		return false, fmt.Errorf("reading pack %s: %w", name, err)
	}
	if err != nil || !good {
		return false, e.count(&e.odd)
	}
	return true, nil
}

func (e *treeExam) count(n *int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	*n++
	return nil
}

// trees reads blobs one after the other. The error is one of reading.
func (e *treeExam) trees(blobs engrestic.Blobs, rd io.Reader) (bool, error) {
	for _, blob := range blobs {
		if good, err := e.tree(blob, rd); err != nil || !good {
			return false, err
		}
	}
	return true, nil
}

func (e *treeExam) tree(blob engrestic.Blob, rd io.Reader) (bool, error) {
	e.one.Lock()
	defer e.one.Unlock()
	sealed := make([]byte, blob.Length)
	if _, err := io.ReadFull(rd, sealed); err != nil {
		return false, err
	}
	text, err := openSealed(e.key, sealed)
	if err == nil && blob.IsCompressed() {
		text, err = e.unpack.decode(text, int(min(blob.UncompressedLength, maxPlainTree)), nil)
	}
	return err == nil && engrestic.Hash(text) == blob.ID && asResticWrites(text), nil
}

// asResticWrites reports whether text is, byte for byte, what restic makes of the nodes
// in it, and whether each can be one. It needs the memory of one node, however many
// there are.
func asResticWrites(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte(`{"nodes":[`))
	if !ok {
		return false
	}
	p := engineParser{treeParser: treeParser{raw: text}}
	last := ""
	var again []byte
	same := p.list(func() bool {
		p.ids = p.ids[:0]
		n := &engdata.Node{}
		if !p.node(n) || n.Name <= last || !possibleNode(n) {
			return false
		}
		if again = again[:0]; last != "" {
			again = append(again, ',')
		}
		if again, ok = appendNodeExactly(again, n); !ok {
			return false
		}
		p.last, last = n, n.Name
		rest, ok = bytes.CutPrefix(rest, again)
		return ok
	})
	return same && string(rest) == "]}\n"
}

// appendNodeExactly writes a node as appendTree does, without what is around the nodes.
func appendNodeExactly(b []byte, n *engdata.Node) ([]byte, bool) {
	start := len(b)
	if b, ok := appendNode(b, n); ok {
		return b, true
	}
	tree, err := engineTree(nil, []*engdata.Node{n})
	tree, front := bytes.CutPrefix(tree, []byte(`{"nodes":[`))
	tree, back := bytes.CutSuffix(tree, []byte("]}\n"))
	return append(b[:start], tree...), err == nil && front && back
}

// possibleNode reports whether the name can be one in a directory, and whether the type
// is known and has what it needs.
func possibleNode(n *engdata.Node) bool {
	if n.Name == "" || n.Name == "." || n.Name == ".." || strings.ContainsAny(n.Name, "/\x00") {
		return false
	}
	switch nodeType([]byte(n.Type)) {
	case NodeFile:
		return n.Content != nil && n.Subtree == nil
	case NodeDir:
		return n.Subtree != nil && !n.Subtree.IsNull() && len(n.Content) == 0
	case NodeUnknown:
		return false
	}
	return n.Subtree == nil && len(n.Content) == 0
}
