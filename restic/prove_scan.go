package restic

import (
	"bytes"
	"fmt"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// treeScan looks through trees for what they refer to, without keeping their entries.
// It is used again for the next tree.
type treeScan struct {
	subtrees []ID
	data     func(blob ID) bool                     // reports whether there is such a blob
	bad      func(kind FindingKind, b BrokenObject) // what is wrong with an entry
	reset    func()                                 // forgets what was called bad

	buffer []ID
}

// scan reads a tree. What restic does not write itself is left to the engine's decoder,
// which says what it means.
func (s *treeScan) scan(raw []byte) error {
	if s.buffer == nil {
		s.buffer = make([]ID, 0, 64) // not nil: a file without content differs from one without a list
	}
	s.subtrees = s.subtrees[:0]
	if s.fast(raw) {
		return nil
	}
	s.subtrees = s.subtrees[:0]
	s.reset()
	return s.slow(raw)
}

func (s *treeScan) fast(raw []byte) bool {
	p := treeParser{raw: raw, bare: true, buffer: s.buffer}
	defer func() { s.buffer = p.buffer }()
	if !p.token('{') || !p.key("nodes") || !p.token('[') {
		return false
	}
	for first := true; !p.token(']'); first = false {
		if !first && !p.token(',') {
			return false
		}
		var n TreeNode
		if !p.node(&n) {
			return false
		}
		s.node(&n)
	}
	if !p.token('}') {
		return false
	}
	p.space()
	return p.pos == len(raw)
}

func (s *treeScan) slow(raw []byte) error {
	nodes, err := engdata.NewTreeNodeIterator(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	for item := range nodes {
		if item.Error != nil {
			return item.Error
		}
		n := TreeNode{Name: item.Node.Name, Type: nodeType([]byte(item.Node.Type))}
		if item.Node.Content != nil {
			n.Content = s.buffer[:0]
			for _, id := range item.Node.Content {
				n.Content = append(n.Content, ID(id))
			}
			s.buffer = n.Content
		}
		if item.Node.Subtree != nil {
			id := ID(*item.Node.Subtree)
			n.Subtree = &id
		}
		s.node(&n)
	}
	return nil
}

func (s *treeScan) node(n *TreeNode) {
	invalid := func(reason string) { s.bad(TreeInvalid, BrokenObject{Name: n.Name, Reason: reason}) }
	blob := func(id ID) {
		if !s.data(id) {
			s.bad(BlobMissing, BrokenObject{Name: n.Name, Blob: id})
		}
	}
	examineNode(n, invalid, blob, func() string { return "its type is unknown" })
	if n.Type == NodeDir && n.Subtree != nil && !n.Subtree.IsZero() {
		s.subtrees = append(s.subtrees, *n.Subtree)
	}
}

// openTree decrypts a tree as it is stored, in place, and decompresses it into the
// given buffer, which must have room.
func (p *proof) openTree(sealed []byte, plain uint32, into []byte) ([]byte, error) {
	nonce, text := sealed[:p.key.NonceSize()], sealed[p.key.NonceSize():]
	out, err := p.key.Open(text[:0], nonce, text, nil)
	if err != nil || plain == 0 {
		return out, err
	}
	if raw, ok := unwrapRaw(out); ok {
		out = raw
	} else if out, err = p.session.stack.unpack.decode(out, int(plain), into); err != nil {
		return nil, err
	}
	if len(out) != int(plain) {
		return nil, fmt.Errorf("it unpacks to %d bytes, not to %d as the index says", len(out), plain)
	}
	return out, nil
}

func hashID(b []byte) ID { return ID(engrestic.Hash(b)) }
