package restic

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	engdata "github.com/restic/restic/rwmlink/data"
)

// compareLike decodes a tree by itself and like another.
func compareLike(t *testing.T, raw []byte, last *engineNodesTree) *engineNodesTree {
	t.Helper()
	want, ok := decodeEngineTree(raw)
	got := decodeTreeLike(raw, last)
	switch {
	case ok != (got != nil):
		t.Fatalf("decoded %v by itself, %v like another: %s", ok, got != nil, raw)
	case !ok:
		return nil
	case len(got.nodes) != len(want) || len(want) > 0 && !reflect.DeepEqual(got.nodes, want):
		t.Fatalf("decoded otherwise than by itself: %s", raw)
	}
	for i, n := range got.nodes {
		alone, ok := decodeEngineTree(fmt.Appendf(nil, `{"nodes":[%s]}`, got.text(i)))
		if !ok || !reflect.DeepEqual(alone[0], n) {
			t.Fatalf("the text of node %d is %s", i, got.text(i))
		}
	}
	return got
}

// compareBareLike is compareLike without fingerprints.
func compareBareLike(t *testing.T, raw []byte, last *bareTree) *bareTree {
	t.Helper()
	want, ok := (&treeParser{raw: raw, bare: true}).tree()
	got := decodeBareLike(raw, last)
	if ok != (got != nil) || ok && !reflect.DeepEqual(got.nodes, want) {
		t.Fatalf("decoded otherwise than by itself: %s", raw)
	}
	return got
}

// Trees are decoded like those before them as they are by themselves, whatever has
// changed, and what is broken is refused as it is then.
func TestTreesLikeOthers(t *testing.T) {
	seed := harness.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 7))
	var nodes []*engdata.Node
	for i := range 40 {
		n := *sampleNodes()[i%len(sampleNodes())]
		n.Name = fmt.Sprintf("%03d", i)
		nodes = append(nodes, &n)
	}
	var last *engineNodesTree
	var bare *bareTree
	same := 0
	for range 200 {
		n := *nodes[rng.IntN(len(nodes))]
		switch at := rng.IntN(len(nodes)); rng.IntN(6) {
		case 0:
			n.Name = fmt.Sprintf("%03d", rng.IntN(1000))
			nodes = append(nodes, &n)
		case 1:
			nodes = append(nodes[:at:at], nodes[at+1:]...)
		default:
			n = *nodes[at]
			n.Size, n.ModTime = rng.Uint64(), n.ModTime.Add(1)
			nodes[at] = &n
		}
		if len(nodes) == 0 {
			break
		}
		var text []byte
		for _, n := range nodes { // in any order
			text = append(append(text, ','), bytes.TrimSuffix(treeText(t, n)[len(`{"nodes":[`):], []byte("]}\n"))...)
		}
		raw := fmt.Appendf(nil, `{"nodes":[%s]}`, text[1:])
		broken := bytes.Clone(raw[:len(raw)-rng.IntN(2)*rng.IntN(len(raw))])
		broken[rng.IntN(len(broken))] ^= byte(1 << rng.IntN(7))
		compareLike(t, broken, last)
		compareBareLike(t, broken, bare)
		last, bare = compareLike(t, raw, last), compareBareLike(t, raw, bare)
		if last == nil {
			t.Fatalf("left to the engine: %s", raw)
		}
		for _, span := range last.spans {
			if span.same {
				same++
			}
		}
	}
	if same < 1000 {
		t.Errorf("only %d nodes were the same", same)
	}
}

// What is kept is bounded, and the last tree of a path takes the place of the one
// before it.
func TestLastTreesAreBounded(t *testing.T) {
	l := newLastTrees[string, *engdata.Node]()
	raw := make([]byte, likeTrees/aheadTreeCost/4)
	for i := range 100 {
		l.keep(fmt.Sprint(i%5), &engineNodesTree{raw: raw, stable: i >= 95})
	}
	if len(l.trees) != 4 || l.used > likeTrees || l.used != 4*aheadTreeCost*int64(len(raw)) || !l.at("3").stable || l.at("4") != nil {
		t.Errorf("%d trees, %d bytes", len(l.trees), l.used)
	}
	l.keep("3", &engineNodesTree{raw: make([]byte, likeTrees)})
	if l.used > likeTrees || l.at("3") == nil {
		t.Error("a tree that is too large took the place of another")
	}
}
