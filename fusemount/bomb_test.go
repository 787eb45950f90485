//go:build linux

package fusemount

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/cesnet/rwm/restic"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// planter writes objects into a local repository as an attacker with its password can.
type planter struct {
	t   *testing.T
	dir string
	key *engcrypto.Key
}

func newPlanter(t *testing.T, s *restic.Session) *planter {
	t.Helper()
	raw, err := s.Cat(t.Context(), restic.ObjectMasterKey, "")
	if err != nil {
		t.Fatal(err)
	}
	key := &engcrypto.Key{}
	if err := json.Unmarshal(raw, key); err != nil {
		t.Fatal(err)
	}
	return &planter{t, s.Location().String(), key}
}

func (p *planter) seal(plain []byte) []byte {
	nonce := engcrypto.NewRandomNonce()
	return p.key.Seal(bytes.Clone(nonce), nonce, plain, nil)
}

func (p *planter) put(kind string, raw []byte) (name string) {
	p.t.Helper()
	name = engrestic.Hash(raw).String()
	path := filepath.Join(p.dir, kind, name)
	if kind == "data" {
		path = filepath.Join(p.dir, kind, name[:2], name)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

// blob puts frames into a pack of their own, as a blob of an ID and a plain size.
func (p *planter) blob(kind, id string, frames []byte, plain int) map[string]any {
	sealed := p.seal(frames)
	pack := p.put("data", append(bytes.Clone(sealed), "a header that nobody reads"...))
	return map[string]any{"id": pack, "blobs": []map[string]any{{"id": id, "type": kind,
		"offset": 0, "length": len(sealed), "uncompressed_length": plain}}}
}

// A directory or a file of a few bytes that unpack to very many is an error of the
// mount, which does not unpack them. What lies beside it can be read.
func TestMountRefusesBombs(t *testing.T) {
	const size = 96 << 20
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	said := enc.EncodeAll(make([]byte, size), nil)
	var streamed bytes.Buffer
	w, err := zstd.NewWriter(&streamed)
	if err == nil {
		for range size >> 20 { // in parts, so that the length is not stated
			if _, err = w.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	s := newRepo(t)
	p := newPlanter(t, s)
	var packs []map[string]any
	add := func(kind string, plain, frames []byte) (id string) {
		id = engrestic.Hash(plain).String()
		packs = append(packs, p.blob(kind, id, frames, len(plain)))
		return id
	}
	node := func(name, kind, rest string) string {
		const stamp = "2026-01-02T03:04:05Z"
		return fmt.Sprintf(`{"name":%q,"type":%q,"mode":493,"mtime":%q,"atime":%q,"ctime":%q,"uid":0,"gid":0,%s}`, name, kind, stamp, stamp, stamp, rest)
	}
	var nodes []string
	for name, frames := range map[string][]byte{
		"said": said, "unsaid": streamed.Bytes(), "second": append(enc.EncodeAll([]byte("file second\n"), nil), streamed.Bytes()...),
	} {
		content := []byte("file " + name + "\n")
		file := add("data", content, frames)
		dir := add("tree", []byte(`{"nodes":[]} of `+name), frames)
		nodes = append(nodes, node("dir "+name, "dir", fmt.Sprintf(`"subtree":%q`, dir)),
			node("file "+name, "file", fmt.Sprintf(`"size":%d,"content":[%q]`, len(content), file)))
	}
	good := []byte("a good one")
	nodes = append(nodes, node("good", "file", fmt.Sprintf(`"size":%d,"content":[%q]`, len(good), add("data", good, enc.EncodeAll(good, nil)))))
	slices.Sort(nodes) // by their names, as they begin with them
	root := []byte(`{"nodes":[` + strings.Join(nodes, ",") + "]}\n")
	tree := add("tree", root, enc.EncodeAll(root, nil))
	index, err := json.Marshal(map[string]any{"packs": packs})
	if err != nil {
		t.Fatal(err)
	}
	p.put("index", p.seal(index))
	sn := p.put("snapshots", p.seal(fmt.Appendf(nil, `{"time":"2026-01-02T03:04:05Z","tree":%q,"paths":["/x"],"hostname":"h"}`, tree)))

	f := mountRepo(t, s, Options{})
	dir := filepath.Join(f.Dir(), "ids", sn[:8])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2 { // the second time the cache has the trees
		for _, name := range []string{"said", "unsaid", "second"} {
			if _, err := os.ReadFile(filepath.Join(dir, "file "+name)); !errors.Is(err, syscall.EIO) {
				t.Errorf("file %s: %v", name, err)
			}
			if _, err := os.ReadDir(filepath.Join(dir, "dir "+name)); !errors.Is(err, syscall.EIO) {
				t.Errorf("dir %s: %v", name, err)
			}
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "good")); err != nil || !bytes.Equal(got, good) {
		t.Errorf("%q, %v", got, err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > size {
		t.Errorf("%d MiB were allocated", (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}
