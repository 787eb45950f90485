package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// treeReader reads the trees of packs, one pack at a time.
type treeReader struct {
	w    *treeWalk
	tags *tagger
	scan treeScan
	buf  []byte // what is stored
	room []byte // what it unpacks to

	tree  ID
	bad   []BrokenObject
	total int
}

func (r *treeReader) note(kind FindingKind, b BrokenObject) {
	r.total++
	if len(r.bad) < maxBadEntries {
		b.Kind, b.Tree = kind, r.tree
		r.bad = append(r.bad, b)
	}
}

func (r *treeReader) reset() { r.bad, r.total = nil, 0 }

func (r *treeReader) hasData(id ID) bool {
	found := r.w.p.data.find(r.tags.tag((*[32]byte)(&id)))
	if len(found) > 0 && r.w.p.exact {
		r.w.p.need(found)
	}
	return len(found) > 0
}

// span is a part of a pack that is read at once.
type span struct {
	offset, end int64
	trees       []uint32
}

const (
	spanSize = 16 << 20
	spanGap  = 128 << 10
)

func (r *treeReader) spans(trees []uint32) (spans []span) {
	for _, n := range trees {
		t := &r.w.p.trees.places[n]
		from, to := int64(t.offset), int64(t.offset)+int64(t.length)
		if last := len(spans) - 1; last >= 0 && from-spans[last].end <= spanGap && to-spans[last].offset <= spanSize {
			spans[last].end = max(spans[last].end, to)
			spans[last].trees = append(spans[last].trees, n)
		} else {
			spans = append(spans, span{from, to, []uint32{n}})
		}
	}
	return spans
}

func (r *treeReader) read(ctx context.Context, pack uint32, trees []uint32) error {
	if len(trees) == 0 {
		return nil
	}
	p := r.w.p
	info := &p.packs.list[pack]
	h := treeHandle(info.id)
	if !info.there {
		r.lose(trees, h, "its pack is missing or has another size")
		return nil
	}
	if p.exact {
		p.need([]dataBlob{{pack: pack}})
	}
	right := func() {}
	if !p.o.PackHeaders && !r.w.fresh[pack] { // else readPacks has seen to it
		right, r.w.fresh[pack] = p.freshen(h, info.id), true
	}
	from := p.store.source(h, info.size())
	if from == p.store.cached && p.store.dir != "" {
		// what the cache does not have it fetches whole, which needs no memory
		err := from.Load(ctx, h, minStored, 0, func(rd io.Reader) error { _, err := io.Copy(io.Discard, rd); return err })
		if err != nil {
			from = p.store.direct
		}
	}
	for _, s := range r.spans(trees) {
		if err := r.readSpan(ctx, from, h, s); err != nil {
			if ctx.Err() != nil || !p.lost(err) {
				return err
			}
			r.lose(s.trees, h, oneLine(err))
			right = func() {}
		}
	}
	right()
	return nil
}

// lose settles trees that cannot be read.
func (r *treeReader) lose(trees []uint32, h engbackend.Handle, reason string) {
	id, _ := ParseID(h.Name)
	for _, n := range trees {
		r.w.settle(n, nil, []BrokenObject{{Kind: TreeUnreadable, Pack: id, Object: r.w.p.keyFor(h), Reason: reason}}, 1)
	}
}

func (r *treeReader) readSpan(ctx context.Context, from engbackend.Backend, h engbackend.Handle, s span) error {
	p := r.w.p
	most := int64(0)
	for _, n := range s.trees {
		most = max(most, int64(p.trees.places[n].plain))
	}
	length := s.end - s.offset
	done, err := p.store.hold(ctx, length+most)
	if err != nil {
		return err
	}
	defer done()
	defer func() { // a large one is not kept, since nobody counts it then
		if cap(r.buf) > 1<<20 {
			r.buf = nil
		}
		if cap(r.room) > 1<<20 {
			r.room = nil
		}
	}()
	load := func(from engbackend.Backend) error {
		if int64(cap(r.buf)) < length {
			r.buf = make([]byte, length)
		}
		r.buf = r.buf[:length]
		return p.store.part(ctx, from, h, s.offset, length, r.buf)
	}
	if err := load(from); err != nil {
		return err
	}
	for i := 0; i < len(s.trees); i++ {
		n := s.trees[i]
		err := r.decode(n, s.offset)
		if err != nil && from == p.store.cached && p.store.dir != "" {
			// the copy is bad; the object may be right
			p.store.drop(h)
			from = p.store.direct
			if err := load(from); err != nil {
				return err
			}
			i = -1
			s.trees = slices.DeleteFunc(slices.Clone(s.trees), func(n uint32) bool { return r.w.isRead(n) })
			continue
		}
		if err != nil {
			r.lose([]uint32{n}, h, oneLine(err))
		}
	}
	return nil
}

func (w *treeWalk) isRead(n uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flags[n]&treeRead != 0
}

// decode reads a tree out of the span in buf.
func (r *treeReader) decode(n uint32, offset int64) error {
	p := r.w.p
	t := &p.trees.places[n]
	at := int64(t.offset) - offset
	if cap(r.room) < int(t.plain) {
		r.room = make([]byte, 0, t.plain)
	}
	plain, err := p.openTree(r.buf[at:at+int64(t.length)], t.plain, r.room)
	if err != nil {
		return err
	}
	id := hashID(plain)
	if r.tags.tag((*[32]byte)(&id)) != t.tag {
		return errors.New("its bytes are not the ones its ID stands for")
	}
	r.tree = id
	r.reset()
	if err := r.scan.scan(plain); err != nil {
		r.note(TreeUnreadable, BrokenObject{Reason: fmt.Sprintf("it cannot be decoded: %.200v", err)})
	}
	children := make([]uint32, 0, len(r.scan.subtrees))
	for _, sub := range r.scan.subtrees {
		c, ok := p.trees.find(r.tags.tag((*[32]byte)(&sub)))
		if !ok {
			r.note(TreeUnreadable, BrokenObject{Blob: sub, Reason: "a directory in it is in no index"})
			continue
		}
		children = append(children, c)
	}
	r.w.settle(n, children, r.bad, r.total)
	return nil
}
