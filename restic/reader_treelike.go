package restic

import (
	"bytes"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
)

// likeTrees bounds, in bytes, the trees that a walk keeps to decode others like them.
const likeTrees = 16 << 20

// decodedTree is a tree with the place of each node's text in it. Its nodes are shared
// with other trees: nobody changes them.
type decodedTree struct {
	raw    []byte
	nodes  []*engdata.Node
	spans  []nodeSpan
	stable bool // encoding it again gives raw
}

// nodeSpan is where the text of a node begins and ends.
type nodeSpan struct {
	start, end int
	same       bool // node and text are those of the tree that it was decoded like
}

func (d *decodedTree) text(i int) []byte { return d.raw[d.spans[i].start:d.spans[i].end] }

// lastTrees holds the last tree that was decoded for each path. From one snapshot to
// the next most entries of a directory stay as they are, and what has the same text
// need not be decoded again.
type lastTrees struct {
	mu    sync.Mutex
	trees map[string]*decodedTree
	used  int64
}

func newLastTrees() *lastTrees { return &lastTrees{trees: make(map[string]*decodedTree)} }

func (l *lastTrees) at(path string) *decodedTree {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trees[path]
}

// keep keeps a tree instead of the last one at its path. Once there is no more room,
// further paths are not remembered.
func (l *lastTrees) keep(path string, d *decodedTree) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.used + aheadTreeCost*int64(len(d.raw))
	if last := l.trees[path]; last != nil {
		used -= aheadTreeCost * int64(len(last.raw))
	}
	if used <= likeTrees {
		l.trees[path], l.used = d, used
	}
}

// decodeTreeLike is decodeEngineTree for a tree that is expected to have many nodes of
// another one, nil if there is none. It returns nil for what it leaves to the engine.
func decodeTreeLike(raw []byte, last *decodedTree) *decodedTree {
	p := likeParser{engineParser: engineParser{treeParser: treeParser{raw: raw}, room: engineRoom(raw)}}
	if p.tree = last; last == nil {
		p.tree = &decodedTree{}
	}
	p.nodes = make([]*engdata.Node, 0, min(len(p.tree.nodes)+1, p.room))
	p.spans = make([]nodeSpan, 0, cap(p.nodes))
	if !p.list(p.add) {
		return nil
	}
	return &decodedTree{raw: raw, nodes: p.nodes, spans: p.spans}
}

type likeParser struct {
	engineParser
	tree  *decodedTree
	next  int // of the nodes of tree: the one that probably comes next
	spans []nodeSpan
}

func (p *likeParser) add() bool {
	if len(p.nodes) == p.room {
		return false
	}
	p.space()
	span := nodeSpan{start: p.pos}
	var n *engdata.Node
	if span.same = p.next < len(p.tree.nodes) && bytes.HasPrefix(p.raw[p.pos:], p.tree.text(p.next)); span.same {
		n = p.tree.nodes[p.next]
		p.pos += len(p.tree.text(p.next))
		p.next++
	} else {
		// in memory of its own, or it would keep that of its whole tree
		n, p.ids = new(engdata.Node), nil
		if !p.node(n) {
			return false
		}
		for p.next < len(p.tree.nodes) && p.tree.nodes[p.next].Name <= n.Name {
			p.next++
		}
	}
	span.end = p.pos
	p.nodes, p.spans, p.last = append(p.nodes, n), append(p.spans, span), n
	return true
}
