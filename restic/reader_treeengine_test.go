package restic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// engineNodes is what the engine's decoder and encoder make of a tree.
func engineNodes(raw []byte) (nodes []*engdata.Node, text []byte, err error) {
	items, err := engdata.NewTreeNodeIterator(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	for item := range items {
		if item.Error != nil {
			return nil, nil, item.Error
		}
		nodes = append(nodes, item.Node)
	}
	b := engdata.NewTreeJSONBuilder()
	for _, n := range nodes {
		if err := b.AddNode(n); err != nil {
			return nodes, nil, nil
		}
	}
	text, err = b.Finalize()
	return nodes, text, err
}

// compareWithEngine decodes and encodes a tree both ways.
func compareWithEngine(t *testing.T, raw []byte) (fast bool) {
	t.Helper()
	nodes, ok := decodeEngineTree(raw)
	if !ok {
		return false
	}
	want, text, err := engineNodes(raw)
	if err != nil {
		t.Fatalf("the engine refuses what was decoded: %v\n%s", err, raw)
	}
	show := func(nodes []*engdata.Node) (out string) {
		for _, n := range nodes {
			out += fmt.Sprintf("%+v %#v\n", n, n.Content) // content: null is not []
			c := *n
			c.Subtree = nil
			out += fmt.Sprintf("%#v %v\n", c.ExtendedAttributes, c.Subtree)
		}
		return out
	}
	if len(nodes) != len(want) || show(nodes) != show(want) {
		t.Errorf("decoded\n%s\nthe engine\n%s\n%s", show(nodes), show(want), raw)
	}
	for i := range want {
		if !want[i].Equals(*nodes[i]) || (want[i].GenericAttributes == nil) != (nodes[i].GenericAttributes == nil) {
			t.Errorf("node %d differs", i)
		}
	}
	got, err := appendTree(nil, nodes)
	if (err != nil) != (text == nil) || !bytes.Equal(got, text) {
		t.Errorf("encoded\n%s\nthe engine\n%s\n%v", got, text, err)
	}
	return true
}

func TestEngineTreeAgreesWithTheEngine(t *testing.T) {
	raw := treeText(t, sampleNodes()...)
	if !compareWithEngine(t, raw) {
		t.Errorf("left to the engine: %s", raw)
	}
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for i, change := range []func(n *engdata.Node){
		func(n *engdata.Node) { n.LinkTarget = "<&>\u2028\x7f\x01ž" },
		func(n *engdata.Node) { n.Name = "\u2028<&>\x7f\t\"\\ž\xff" },
		func(n *engdata.Node) {
			n.ExtendedAttributes = []engdata.ExtendedAttribute{{Name: "a<b"}, {Name: "", Value: []byte{}}}
		},
		func(n *engdata.Node) { n.ModTime = at.In(time.FixedZone("", -3*3600-1800)) },
		func(n *engdata.Node) { n.ModTime = at.In(time.Local) },
		func(n *engdata.Node) {
			n.ModTime, n.AccessTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC)
		},
		func(n *engdata.Node) { n.ModTime = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) },
		func(n *engdata.Node) { n.Type, n.Mode, n.Content = "odd", fs.ModeIrregular, nil },
		func(n *engdata.Node) { n.GenericAttributes = map[engdata.GenericAttributeType]json.RawMessage{} },
		func(n *engdata.Node) { n.Subtree = &engrestic.ID{} },
	} {
		n := *sampleNodes()[0]
		change(&n)
		raw := treeText(t, &n)
		if !compareWithEngine(t, raw) {
			t.Errorf("%d was left to the engine: %s", i, raw)
		}
		got, err := appendTree(nil, []*engdata.Node{&n})
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d: encoded\n%s\nthe engine\n%s\n%v", i, got, raw, err)
		}
	}
	for _, raw := range []string{`{"nodes":[]}`, "{\"nodes\":[]}\n", `{"nodes":[{"name":"b"},{"name":"a"}]}`, `{"nodes":[{"name":"a"},{"name":"a"}]}`, `{"nodes":[{"name":"","size":1}]}`} {
		if !compareWithEngine(t, []byte(raw)) {
			t.Errorf("%s was left to the engine", raw)
		}
	}
}

// TestEngineTreeIsBounded decodes what becomes far larger in memory than it is.
func TestEngineTreeIsBounded(t *testing.T) {
	raw := []byte(`{"nodes":[{"name":"a"}` + strings.Repeat(`,{}`, 1<<20) + `]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := &aheadTree{raw: raw}
	e.decode()
	runtime.ReadMemStats(&after)
	if !e.odd || e.nodes != nil {
		t.Errorf("%d nodes were decoded at once", len(e.nodes))
	}
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > int64(8*len(raw)) {
		t.Errorf("%d bytes are kept for %d", kept, len(raw))
	}
	n := 0
	for item := range e.all() {
		if item.Error != nil {
			t.Fatal(item.Error)
		}
		n++
	}
	if n != 1<<20+1 {
		t.Errorf("%d nodes", n)
	}
}

func FuzzEngineTree(f *testing.F) {
	f.Add(treeText(f, sampleNodes()...))
	for _, n := range sampleNodes() {
		f.Add(treeText(f, n))
	}
	for _, raw := range []string{
		`{"nodes":[]}`, `{"nodes":[{"name":"a","Type":"file"}]}`, `{"nodes":[{"name":"a","mtime":"2023-02-29T00:00:00Z"}]}`,
		`{"nodes":[{"name":"a","name":"b"}]}`, `{"nodes":[{"name":"a","content":null,"subtree":null}]}`,
		`{"nodes":[{"name":"a","mtime":"2023-02-28T00:00:00+00:00","atime":"0000-01-01T00:00:00-23:59"}]}`,
		`{"nodes":[{"name":"a","linktarget":"x","linktarget_raw":"","generic_attributes":{"a":[1 ]},"extended_attributes":null}]}`,
	} {
		f.Add([]byte(raw))
	}
	last := decodeTreeLike(treeText(f, sampleNodes()...), nil)
	bare := decodeBareLike(treeText(f, sampleNodes()...), nil)
	f.Fuzz(func(t *testing.T, raw []byte) {
		compareWithEngine(t, raw)
		compareLike(t, raw, last)
		compareBareLike(t, raw, bare)
	})
}

func BenchmarkEngineTree(b *testing.B) {
	var nodes []*engdata.Node
	for i := range 1000 {
		n := *sampleNodes()[0]
		n.Name = fmt.Sprintf("%06d", i)
		nodes = append(nodes, &n)
	}
	raw := treeText(b, nodes...)
	for name, fn := range map[string]func(){
		"decode":         func() { _, _ = decodeEngineTree(raw) },
		"decode, engine": func() { _, _, _ = engineNodes(raw) },
		"encode":         func() { _, _ = appendTree(nil, nodes) },
		"encode, engine": func() { _, _ = engineTree(nil, nodes) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				fn()
			}
		})
	}
}
