//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cesnet/rwm/restic"
)

// within fails a test whose function takes too long: what hangs in the kernel cannot be
// ended, and would hold up the whole run.
func within(t *testing.T, limit time.Duration, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Errorf("it takes more than %v", limit)
	}
}

// A forged file may have thousands of blobs in what is one read: more parts than the
// kernel takes at once.
func TestReadsThousandsOfTinyBlobs(t *testing.T) {
	needFUSE(t)
	src := &fake{}
	const n = 5000
	ids := make([]string, n)
	var want []byte
	for i := range ids {
		ids[i] = fmt.Sprintf("%q", src.Add(1, restic.BlobData, []byte{byte(i)})[0].ID)
		want = append(want, byte(i))
	}
	node := nodeJSON("file", "file", fmt.Sprintf(`"inode":1,"size":%d,"content":[%s]`, n, strings.Join(ids, ",")))
	tree := src.Add(2, restic.BlobTree, treeJSON(node))[0].ID
	dir, _ := mountFake(t, src, tree)
	within(t, 20*time.Second, func() {
		got, err := os.ReadFile(filepath.Join(dir, "ids/00000000/file"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// The hosts, tags and users of forged snapshots hide none of the others.
func TestHostileNamesOfSnapshots(t *testing.T) {
	needFUSE(t)
	src := &fake{}
	tree := src.Add(1, restic.BlobTree, treeJSON(nodeJSON("file", "file", `"size":0,"content":[]`)))[0].ID
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	list := []restic.Snapshot{{ID: restic.ID{1}, Tree: tree, Time: at, Hostname: "good", Username: "u", Tags: []string{"good"}}}
	for i, bad := range []string{strings.Repeat("n", 256), strings.Repeat("n", 5000), strings.Repeat("ž", 200), "a\x00b", "../../..", "a/b/../..", strings.Repeat("a/", 50_000), "\n\x1b[2J", "\xff", "", ".", ".."} {
		list = append(list, restic.Snapshot{ID: restic.ID{2, byte(i)}, Tree: tree, Time: at.Add(time.Duration(i) * time.Hour), Hostname: bad, Username: bad, Tags: []string{bad, "good"}},
			restic.Snapshot{ID: restic.ID{3, byte(i)}, Tree: tree, Time: at.Add(time.Duration(i) * time.Hour), Hostname: bad, Username: bad, Tags: []string{bad}})
	}
	dir, _ := mountFake(t, src, tree, func(m *mount) {
		m.snapshots.list = func(context.Context) ([]restic.Snapshot, error) { return list, nil }
	})
	within(t, 20*time.Second, func() {
		for _, at := range []string{"hosts", "tags", "snapshots", "ids", "hosts/good", "tags/good"} {
			names, err := os.ReadDir(filepath.Join(dir, at))
			if err != nil || len(names) < 2 {
				t.Errorf("%s: %d, %v", at, len(names), err)
			}
			for _, n := range names {
				if _, err := os.Stat(filepath.Join(dir, at, n.Name())); err != nil {
					t.Errorf("%s: %.300v", at, err)
				}
			}
		}
		if _, err := os.ReadFile(filepath.Join(dir, "hosts/good/latest/file")); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadDir(filepath.Join(dir, "ids")); err != nil || len(got) != len(list) {
			t.Error(len(got), err)
		}
	})
}

// Names are found for thousands of snapshots of one time in one go.
func TestManySnapshotsOfOneTime(t *testing.T) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	list := make([]restic.Snapshot, 20_000)
	for i := range list {
		list[i] = restic.Snapshot{ID: restic.ID{byte(i), byte(i >> 8)}, Time: at, Hostname: "h"}
	}
	opts, err := Options{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, func() {
		root := arrange(list, opts.PathTemplates, opts.TimeTemplate)
		if n := len(root.at("hosts/h").entries); n != len(list)+1 {
			t.Error(n)
		}
	})
}

// A blob that is shorter or longer than the index says is damaged: a read would leave
// its bounds.
func TestMountRefusesFalseSizes(t *testing.T) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	s := newRepo(t)
	p := newPlanter(t, s)
	var packs []map[string]any
	var nodes []string
	for i, c := range []struct{ is, said int }{{20, 1 << 20}, {1 << 20, 200_000}, {20, 21}, {21, 20}, {0, 1}} {
		plain := random(uint64(i), c.is) // which is not compressed
		id := restic.ID(sha256.Sum256(plain)).String()
		packs = append(packs, p.blob("data", id, enc.EncodeAll(plain, []byte{}), c.said))
		nodes = append(nodes, nodeJSON(fmt.Sprint(i), "file", fmt.Sprintf(`"size":%d,"content":[%q]`, c.said, id)))
	}
	// Of two indexes that disagree, either may be asked, for the size and for the place.
	for i := range 16 {
		plain := random(uint64(100+i), 20)
		id := restic.ID(sha256.Sum256(plain)).String()
		for j, said := range []int{1 << 20, 20} {
			frames := [][]byte{[]byte("none"), enc.EncodeAll(plain, nil)}[j]
			index, err := json.Marshal(map[string]any{"packs": []any{p.blob("data", id, frames, said)}})
			if err != nil {
				t.Fatal(err)
			}
			p.put("index", p.seal(index))
		}
		nodes = append(nodes, nodeJSON(fmt.Sprint("two ", 10+i), "file", fmt.Sprintf(`"size":%d,"content":[%q]`, 1<<20, id)))
	}
	root := treeJSON(nodes...)
	tree := restic.ID(sha256.Sum256(root)).String()
	packs = append(packs, p.blob("tree", tree, enc.EncodeAll(root, nil), len(root)))
	index, err := json.Marshal(map[string]any{"packs": packs})
	if err != nil {
		t.Fatal(err)
	}
	p.put("index", p.seal(index))
	sn := p.put("snapshots", p.seal(fmt.Appendf(nil, `{"time":"2026-01-02T03:04:05Z","tree":%q,"paths":["/x"],"hostname":"h"}`, tree)))
	fsys, err := s.FS(t.Context(), sn)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	f := mountRepo(t, s, Options{})
	names, err := os.ReadDir(filepath.Join(f.Dir(), "ids", sn[:8]))
	if err != nil || len(names) != len(nodes) {
		t.Fatal(names, err)
	}
	for _, n := range names {
		name := n.Name()
		within(t, 20*time.Second, func() {
			file, err := os.Open(filepath.Join(f.Dir(), "ids", sn[:8], name))
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				t.Error(err)
				return
			}
			for _, at := range []int64{info.Size() - 1, 0} {
				if n, err := file.ReadAt(make([]byte, 1), at); err == nil {
					t.Errorf("mount: file %s has %d bytes at %d", name, n, at)
				}
			}
		})
		if got, err := fsys.ReadFile(name); !errors.Is(err, restic.ErrDamaged) {
			t.Errorf("FS: file %s has %d bytes, %v", name, len(got), err)
		}
	}
}
