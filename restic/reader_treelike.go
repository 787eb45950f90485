package restic

import (
	"bytes"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
)

// likeTrees bounds, in bytes, the trees that a walk keeps to decode others like them.
const likeTrees = 16 << 20

// decodedTree is a tree with the place of each node's text in it. What its nodes refer
// to is shared with other trees: nobody changes it.
type decodedTree[N any] struct {
	raw    []byte
	nodes  []N
	spans  []nodeSpan
	stable bool // encoding it again gives raw
}

type (
	engineNodesTree = decodedTree[*engdata.Node]
	bareTree        = decodedTree[TreeNode] // without fingerprints
)

// nodeSpan is where the text of a node begins and ends.
type nodeSpan struct {
	start, end int
	same       bool // node and text are those of the tree that it was decoded like
}

func (d *decodedTree[N]) text(i int) []byte { return d.raw[d.spans[i].start:d.spans[i].end] }

// lastTrees holds the last tree that was decoded for each path. From one snapshot to
// the next most entries of a directory stay as they are, and what has the same text
// need not be decoded again.
type lastTrees[K comparable, N any] struct {
	mu    sync.Mutex
	trees map[K]*decodedTree[N]
	used  int64
}

func newLastTrees[K comparable, N any]() *lastTrees[K, N] {
	return &lastTrees[K, N]{trees: make(map[K]*decodedTree[N])}
}

func (l *lastTrees[K, N]) at(path K) *decodedTree[N] {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trees[path]
}

// keep keeps a tree instead of the last one at its path, and reports whether it does.
// Once there is no more room, further paths are not remembered.
func (l *lastTrees[K, N]) keep(path K, d *decodedTree[N]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.with(path, len(d.raw))
	if used > likeTrees {
		return false
	}
	l.trees[path], l.used = d, used
	return true
}

// fits reports whether keep would keep a tree of that size.
func (l *lastTrees[K, N]) fits(path K, size int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.with(path, size) <= likeTrees
}

// with is what would be used with a tree of that size. The caller holds mu.
func (l *lastTrees[K, N]) with(path K, size int) int64 {
	used := l.used + aheadTreeCost*int64(size)
	if last := l.trees[path]; last != nil {
		used -= aheadTreeCost * int64(len(last.raw))
	}
	return used
}

// likeness follows the last tree, if there is one, while one like it is decoded.
type likeness[N any] struct {
	last *decodedTree[N]
	next int // its node that probably comes next
}

// same returns the last tree's node whose text comes next, and steps over it.
func (l *likeness[N]) same(p *treeParser) (n N, ok bool) {
	if l.last == nil || l.next == len(l.last.nodes) {
		return n, false
	}
	text := l.last.text(l.next)
	if !bytes.HasPrefix(p.raw[p.pos:], text) {
		return n, false
	}
	n = l.last.nodes[l.next]
	p.pos += len(text)
	l.next++
	return n, true
}

// other records that a node called name was there instead.
func (l *likeness[N]) other(name string, nameOf func(*N) string) {
	for l.last != nil && l.next < len(l.last.nodes) && nameOf(&l.last.nodes[l.next]) <= name {
		l.next++
	}
}

// room is how many nodes to expect.
func (l *likeness[N]) room(most int) int {
	if l.last == nil {
		return 0
	}
	return min(len(l.last.nodes)+1, most)
}

// decodeTreeLike is decodeEngineTree for a tree that is expected to have many nodes of
// another one, nil if there is none. It returns nil for what it leaves to the engine.
func decodeTreeLike(raw []byte, last *engineNodesTree) *engineNodesTree {
	p := engineParser{treeParser: treeParser{raw: raw}, room: engineRoom(raw)}
	like := likeness[*engdata.Node]{last: last}
	d := &engineNodesTree{raw: raw, nodes: make([]*engdata.Node, 0, like.room(p.room))}
	d.spans = make([]nodeSpan, 0, cap(d.nodes))
	ok := p.list(func() bool {
		if len(d.nodes) == p.room {
			return false
		}
		p.space()
		span := nodeSpan{start: p.pos}
		n, same := like.same(&p.treeParser)
		if span.same = same; !same {
			// in memory of its own, or it would keep that of its whole tree
			n, p.ids = new(engdata.Node), nil
			if !p.node(n) {
				return false
			}
			like.other(n.Name, func(n **engdata.Node) string { return (*n).Name })
		}
		span.end, p.last = p.pos, n
		d.nodes, d.spans = append(d.nodes, n), append(d.spans, span)
		return true
	})
	if !ok {
		return nil
	}
	return d
}

// decodeBareLike is the same for nodes without fingerprints. It returns nil for what
// encoding/json has to decode.
func decodeBareLike(raw []byte, last *bareTree) *bareTree {
	p := treeParser{raw: raw, bare: true}
	like := likeness[TreeNode]{last: last}
	d := &bareTree{raw: raw}
	if d.nodes = make([]TreeNode, 0, like.room(len(raw))); last == nil {
		d.nodes = make([]TreeNode, 0, bytes.Count(raw, []byte(`"name":`)))
	}
	d.spans = make([]nodeSpan, 0, cap(d.nodes))
	ok := p.list(func() bool {
		p.space()
		span := nodeSpan{start: p.pos}
		n, same := like.same(&p)
		d.nodes = append(d.nodes, n)
		if span.same = same; !same {
			n := &d.nodes[len(d.nodes)-1]
			if !p.node(n) {
				return false
			}
			like.other(n.Name, func(n *TreeNode) string { return n.Name })
		}
		span.end = p.pos
		d.spans = append(d.spans, span)
		return true
	})
	if !ok {
		return nil
	}
	return d
}
