package restic

import (
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"
	"testing"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// treeText encodes nodes as the engine does.
func treeText(t testing.TB, nodes ...*engdata.Node) []byte {
	t.Helper()
	b := engdata.NewTreeJSONBuilder()
	for _, n := range nodes {
		if err := b.AddNode(n); err != nil {
			t.Fatal(err)
		}
	}
	text, err := b.Finalize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sampleNodes() []*engdata.Node {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.FixedZone("", 5*3600+1800))
	old := time.Date(1901, 12, 13, 1, 2, 3, 0, time.UTC)
	id := engrestic.Hash([]byte("x"))
	return []*engdata.Node{
		{Name: "a file", Type: engdata.NodeTypeFile, Mode: 0o640, ModTime: at, AccessTime: at, ChangeTime: old, UID: 1000, GID: 4294967295,
			User: "žofie", Group: "g<&>\u2028", Inode: 12, Size: 1<<63 + 5, Links: 1, Content: engrestic.IDs{id, engrestic.Hash(nil)}},
		{Name: "b\xff\xfe\"\\\n\x00ž", Type: engdata.NodeTypeDir, Mode: fs.ModeDir | fs.ModeSetgid | 0o755, ModTime: at, AccessTime: at, ChangeTime: at, Subtree: &id, Links: 3},
		{Name: "hard", Type: engdata.NodeTypeFile, Mode: 0, ModTime: at, AccessTime: at, ChangeTime: at, DeviceID: 99, Inode: 7, Links: 2, Content: engrestic.IDs{}},
		{Name: "link", Type: engdata.NodeTypeSymlink, Mode: fs.ModeSymlink | 0o777, ModTime: at, AccessTime: at, ChangeTime: at, LinkTarget: "to\xffraw", Links: 1},
		{Name: "link2", Type: engdata.NodeTypeSymlink, Mode: fs.ModeSymlink | 0o777, ModTime: at, AccessTime: at, ChangeTime: at, LinkTarget: "pl\"ain", Links: 1},
		{Name: "null", Type: engdata.NodeTypeCharDev, Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, ModTime: at, AccessTime: at, ChangeTime: at, Device: 259, Links: 1,
			ExtendedAttributes: []engdata.ExtendedAttribute{{Name: "user.x", Value: []byte{0, 1, 2}}, {Name: "user.empty"}},
			GenericAttributes:  map[engdata.GenericAttributeType]json.RawMessage{"windows.x": json.RawMessage(`{"a":[1,"}"]}`)}, Error: "it \"failed\""},
		{Name: "pipe", Type: engdata.NodeTypeFifo, ModTime: at, AccessTime: at, ChangeTime: at},
		{Name: "sock", Type: engdata.NodeTypeSocket, ModTime: at, AccessTime: at, ChangeTime: at},
		{Name: "what", Type: engdata.NodeTypeIrregular, ModTime: at, AccessTime: at, ChangeTime: at},
	}
}

// sameNodes compares all but the fingerprints, which the two decoders form differently.
func sameNodes(a, b []TreeNode) bool {
	return slices.EqualFunc(a, b, func(x, y TreeNode) bool {
		same := x.ModTime.Equal(y.ModTime) && x.AccessTime.Equal(y.AccessTime) && x.ChangeTime.Equal(y.ChangeTime)
		same = same && slices.Equal(x.Content, y.Content) && slices.EqualFunc(x.Xattrs, y.Xattrs, func(p, q Xattr) bool {
			return p.Name == q.Name && slices.Equal(p.Value, q.Value)
		})
		for _, n := range []*TreeNode{&x, &y} {
			n.ModTime, n.AccessTime, n.ChangeTime = time.Time{}, time.Time{}, time.Time{}
			n.Content, n.Xattrs, n.Fingerprint = nil, nil, [16]byte{}
		}
		return same && reflect.DeepEqual(x, y)
	})
}

func TestDecodeTreeAgreesWithTheEngine(t *testing.T) {
	text := treeText(t, sampleNodes()...)
	fast, ok := decodeTreeFast(text)
	if !ok {
		t.Fatalf("the fast decoder gave up on %s", text)
	}
	slow, err := decodeTreeSlowly(text)
	if err != nil {
		t.Fatal(err)
	}
	if !sameNodes(fast, slow) {
		t.Errorf("decoded\n%+v\nthe engine\n%+v", fast, slow)
	}
	if got := fast[1].Name; got != "b\xff\xfe\"\\\n\x00ž" {
		t.Errorf("name %q", got)
	}
}

func TestFingerprint(t *testing.T) {
	decode := func(change func(n *engdata.Node), links uint64) [2][16]byte {
		n := *sampleNodes()[0]
		n.Links = links
		change(&n)
		text := treeText(t, &n)
		fast, ok := decodeTreeFast(text)
		if !ok {
			t.Fatal("gave up")
		}
		slow, err := decodeTreeSlowly(text)
		if err != nil {
			t.Fatal(err)
		}
		return [2][16]byte{fast[0].Fingerprint, slow[0].Fingerprint}
	}
	for _, links := range []uint64{1, 2} {
		base := decode(func(*engdata.Node) {}, links)
		for name, change := range map[string]func(n *engdata.Node){
			"content": func(n *engdata.Node) { n.Content = n.Content[:1] },
			"mode":    func(n *engdata.Node) { n.Mode++ },
			"time":    func(n *engdata.Node) { n.ModTime = n.ModTime.Add(1) },
			"inode":   func(n *engdata.Node) { n.Inode++ },
			"name":    func(n *engdata.Node) { n.Name = "another name" },
		} {
			got := decode(change, links)
			for i := range got {
				if same := got[i] == base[i]; same != (name == "name" && links > 1) {
					t.Errorf("links %d, decoder %d, another %s: same fingerprint: %v", links, i, name, same)
				}
			}
		}
	}
}

func FuzzDecodeTree(f *testing.F) {
	f.Add(treeText(f, sampleNodes()...))
	for _, n := range sampleNodes() {
		f.Add(treeText(f, n))
	}
	f.Add([]byte(`{"nodes":[]}`))
	f.Add([]byte(`{"nodes":[{"name":"a","Type":"file"}]}`))
	f.Add([]byte(`{"nodes":[{"name":"a","mtime":"2023-02-29T00:00:00Z"}]}`))
	f.Add([]byte(`{"nodes":[{"name":"a","size":18446744073709551616}]}`))
	f.Add([]byte(`{"x":1,"nodes":[{"name":"a","content":null,"subtree":null}],"y":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		fast, ok := decodeTreeFast(text)
		if !ok {
			return
		}
		slow, err := decodeTreeSlowly(text)
		if err != nil {
			t.Fatalf("the engine refuses what was decoded: %v\n%s", err, text)
		}
		if !sameNodes(fast, slow) {
			t.Errorf("decoded\n%+v\nthe engine\n%+v\n%s", fast, slow, text)
		}
	})
}

func BenchmarkDecodeTree(b *testing.B) {
	var nodes []*engdata.Node
	for i := range 1000 {
		n := *sampleNodes()[0]
		n.Name = string(rune('a'+i/26/26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26))
		nodes = append(nodes, &n)
	}
	slices.SortFunc(nodes, func(a, b *engdata.Node) int { return map[bool]int{true: -1, false: 1}[a.Name < b.Name] })
	text := treeText(b, nodes...)
	b.Run("fast", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, ok := decodeTreeFast(text); !ok {
				b.Fatal("gave up")
			}
		}
	})
	b.Run("engine", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := decodeTreeSlowly(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
