package restic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	engdata "github.com/restic/restic/rwmlink/data"
)

// FuzzReadIndex compares the parser with encoding/json, which is what the engine uses:
// whatever both read must mean the same, and nothing may pass that would make the
// engine panic.
func FuzzReadIndex(f *testing.F) {
	id := strings.Repeat("ab", 32)
	blob := fmt.Sprintf(`{"id":"%s","type":"data","offset":1,"length":100,"uncompressed_length":200}`, id)
	f.Add([]byte(`{"packs":[]}`))
	f.Add([]byte(fmt.Sprintf(`{"packs":[{"id":"%s","blobs":[%s]}]}`, id, blob)))
	f.Add([]byte(fmt.Sprintf(`{"supersedes":["%s"],"packs":[{"id":"%s","blobs":[%s,%s]}]}`, id, id, blob, blob)))
	f.Add([]byte(fmt.Sprintf(`{"PACKS":[{"id":"%s","blobs":[{"type":"tree","length":40}]}]}`, id)))
	f.Add([]byte(`{"packs":[{"id":"x","blobs":null}],"packs":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		type entry struct {
			pack  ID
			blobs string
		}
		collect := func(into *[]entry) func(ID, []indexBlob) error {
			return func(pack ID, blobs []indexBlob) error {
				for _, b := range blobs {
					if b.length < minStored || uint64(b.offset)+uint64(b.length) > 1<<32-1 {
						t.Fatalf("%+v passed", b)
					}
				}
				*into = append(*into, entry{pack, fmt.Sprint(blobs)})
				return nil
			}
		}
		var fast, slow []entry
		fastErr, slowErr := scanIndex(text, collect(&fast)), readIndexSlowly(text, collect(&slow))
		if fastErr == nil && (slowErr != nil || !slices.Equal(fast, slow)) {
			t.Errorf("fast %v, slow %v (%v)", fast, slow, slowErr)
		}
		var any struct{ Packs []json.RawMessage }
		if err := readIndex(text, func(ID, []indexBlob) error { return nil }); err == nil && json.Unmarshal(text, &any) != nil {
			t.Errorf("%q was read", text)
		}
	})
}

// FuzzScanTree compares the scan with the engine's own decoder.
func FuzzScanTree(f *testing.F) {
	id := strings.Repeat("ab", 32)
	f.Add([]byte(`{"nodes":[]}`))
	f.Add([]byte(`{"nodes":[{"name":"d","type":"dir","subtree":"` + id + `"},{"name":"f","type":"file","content":["` + id + `"]}]}`))
	f.Add([]byte(`{"nodes":[{"name":"f","type":"file","content":null},{"name":"","type":"socket"},{"type":"x"}],"x":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var subtrees, data []ID
		bad := 0
		s := treeScan{data: func(id ID) bool { data = append(data, id); return true }, bad: func(FindingKind, BrokenObject) { bad++ },
			reset: func() { data, bad = nil, 0 }}
		err := s.scan(text)
		subtrees = slices.Clone(s.subtrees)

		var wantTrees, wantData []ID
		nodes, wantErr := engdata.NewTreeNodeIterator(bytes.NewReader(text))
		if wantErr == nil {
			for item := range nodes {
				if wantErr = item.Error; wantErr != nil {
					break
				}
				n := item.Node
				if n.Type == engdata.NodeTypeDir && n.Subtree != nil && !n.Subtree.IsNull() {
					wantTrees = append(wantTrees, ID(*n.Subtree))
				}
				for _, id := range n.Content {
					if n.Type == engdata.NodeTypeFile && !id.IsNull() {
						wantData = append(wantData, ID(id))
					}
				}
			}
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, the engine says %v", err, wantErr)
		}
		if err == nil && (!slices.Equal(subtrees, wantTrees) || !slices.Equal(data, wantData)) {
			t.Errorf("%v %v, the engine reads %v %v", subtrees, data, wantTrees, wantData)
		}
	})
}

// FuzzBadKey looks for keys that pass and cost too much.
func FuzzBadKey(f *testing.F) {
	f.Add(junkKey(f, 2, 1, 1))
	f.Add([]byte(`{"N":9223372036854775807,"r":2,"p":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if badKey(raw) == "" && (keyCost(raw) == 0 || keyCost(raw) > maxKDFCost) {
			t.Errorf("%q costs %d", raw, keyCost(raw))
		}
	})
}
