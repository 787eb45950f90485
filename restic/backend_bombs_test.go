package restic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/cesnet/rwm/internal/harness"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// bombPack makes a pack of one compressed blob that unpacks to more than the index and
// the header of the pack say.
func (s *sealer) bombPack(kind string, id engrestic.ID, frames []byte, plain int) map[string]any {
	sealed := s.seal(frames)
	header := []byte{2}
	if kind == "tree" {
		header[0] = 3
	}
	header = binary.LittleEndian.AppendUint32(header, uint32(len(sealed)))
	header = binary.LittleEndian.AppendUint32(header, uint32(plain))
	header = s.seal(append(header, id[:]...))
	raw := binary.LittleEndian.AppendUint32(append(bytes.Clone(sealed), header...), uint32(len(header)))
	return map[string]any{"id": s.put("data", raw), "blobs": []map[string]any{{"id": id.String(), "type": kind,
		"offset": 0, "length": len(sealed), "uncompressed_length": plain}}}
}

// bombFrames are ways of saying, or hiding, that a few bytes unpack to very many.
func bombFrames(t testing.TB, plain []byte, size int) map[string][]byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	good := enc.EncodeAll(plain, nil)
	said := bomb(t, size, true, "", "")[1:]
	frames := map[string][]byte{
		"said":           said,
		"unsaid":         bomb(t, size, false, "", "")[1:],
		"a second frame": append(bytes.Clone(good), said...),
	}
	skipped := binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 100)
	frames["skipped over"] = append(append(skipped, make([]byte, 100)...), frames["unsaid"]...)
	return frames
}

var bombOperations = map[string]struct {
	data bool // it reads data, too
	run  func(t *testing.T, s *Session, sn string) error
}{
	"ls": {false, func(t *testing.T, s *Session, sn string) error {
		return s.Ls(t.Context(), LsOptions{Snapshot: sn}, LsVisitor{Node: func(Node) error { return nil }})
	}},
	"find": {false, func(t *testing.T, s *Session, sn string) error {
		return s.Find(t.Context(), FindOptions{Patterns: []string{"nothing"}}, func(Found) error { return nil })
	}},
	"stats": {false, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Stats(t.Context(), StatsOptions{})
		return err
	}},
	"diff": {false, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Diff(t.Context(), DiffOptions{From: "latest", To: sn}, nil)
		return err
	}},
	"rewrite": {false, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Rewrite(t.Context(), RewriteOptions{Patterns: Patterns{Excludes: []string{"nothing"}}})
		return err
	}},
	"prune": {false, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Prune(t.Context(), PruneOptions{})
		return err
	}},
	"restore": {true, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Restore(t.Context(), RestoreOptions{Snapshot: sn, Target: t.TempDir()})
		return err
	}},
	"dump": {true, func(t *testing.T, s *Session, sn string) error {
		return s.Dump(t.Context(), DumpOptions{Snapshot: sn, Path: "/f"}, io.Discard)
	}},
	"check": {true, func(t *testing.T, s *Session, sn string) error {
		_, err := s.Check(t.Context(), CheckOptions{ReadData: true})
		return err
	}},
	"copy": {true, func(t *testing.T, s *Session, sn string) error {
		_, loc := initLocal(t)
		_, err := s.CopyTo(t.Context(), openAgain(t, loc), CopyOptions{})
		return err
	}},
	"FS": {true, func(t *testing.T, s *Session, sn string) error {
		tree, err := s.FS(t.Context(), sn)
		if err != nil {
			return err
		}
		defer tree.Close()
		_, err = fs.ReadFile(tree, "f")
		return err
	}},
}

// allocated is how much the process has ever taken.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A blob of a few bytes that unpacks to very many is refused by every operation that
// reads it, before it is unpacked: with a typed error that names the pack.
func TestBombsInPacks(t *testing.T) {
	const size = 96 << 20 // check alone takes 74 MiB for what it reads
	whole := wholeRepository(t)
	content := []byte("what a file holds")
	tree := func(blob engrestic.ID) []byte {
		return fmt.Appendf(nil, `{"nodes":[{"name":"f","type":"file","mode":420,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"size":%d,"content":["%s"]}]}`+"\n", len(content), blob)
	}
	blob := engrestic.Hash(content)
	for kind, plain := range map[string][]byte{"tree": tree(blob), "data": content} {
		for way, frames := range bombFrames(t, plain, size) {
			if everyday := way == "unsaid" || kind == "data" && way == "a second frame"; !everyday && harness.Size(1, 2) == 1 {
				continue
			}
			t.Run(kind+" "+way, func(t *testing.T) {
				loc := copyRepository(t, whole)
				s := newSealer(t, loc)
				entries := []map[string]any{s.bombPack(kind, engrestic.Hash(plain), frames, len(plain))}
				if kind == "data" {
					_, entry := s.pack("tree", string(tree(blob)))
					entries = append(entries, entry)
				}
				s.index(entries...)
				sn := s.snapshot(engrestic.Hash(tree(blob)).String())
				for name, op := range bombOperations {
					if kind == "data" && !op.data {
						continue
					}
					for _, opt := range []Option{WithCacheDir(t.TempDir()), WithoutCache()}[:harness.Size(1, 2)] {
						loc := copyRepository(t, loc)
						session := openAgain(t, loc, opt)
						for range harness.Size(1, 2) { // the second time the cache could have it
							before := allocated()
							err := op.run(t, session, sn)
							if grown := allocated() - before; grown > size {
								t.Errorf("%s: %d MiB were allocated", name, grown>>20)
							}
							if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), entries[0]["id"].(string)[:8]) {
								t.Errorf("%s: %v", name, err)
							}
						}
						if err := session.Close(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
}

// The walk from header to header agrees with the decoder, however the bytes come.
func TestBlobWalk(t *testing.T) {
	key := newSealer(t, wholeRepository(t)).key
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	random := make([]byte, 1<<20)
	copy(random, engcrypto.NewRandomNonce())
	for i := 16; i < len(random); i++ {
		random[i] = random[i-16] + random[i-7]*3 + byte(i>>9)
	}
	for _, n := range []int{0, 1, 15, 255, 256, 70_000, 128 << 10, 128<<10 + 1, 1 << 20} {
		for text, plain := range map[string][]byte{"zeros": make([]byte, n), "mixed": random[:n], "words": []byte(strings.Repeat("some words ", n/11))} {
			for way, frames := range map[string][]byte{"all": enc.EncodeAll(plain, nil), "stream": streamed(t, plain)} {
				nonce := engcrypto.NewRandomNonce()
				copy(nonce[8:], bytes.Repeat([]byte{255}, 8)) // the counter carries
				sealed := key.Seal(bytes.Clone(nonce), nonce, frames, nil)
				for _, step := range []int{1, 7, 4096, len(sealed)} {
					walk := func(plain int) error {
						w := &blobWalk{blob: sizedBlob{0, uint32(len(sealed)), uint32(plain)}, key: key}
						for at := 0; at < len(sealed); at += step {
							if err := w.feed(int64(at), sealed[at:min(at+step, len(sealed))]); err != nil {
								return err
							}
						}
						if !w.done {
							return io.ErrUnexpectedEOF
						}
						return nil
					}
					if err := walk(len(plain)); err != nil {
						t.Errorf("%s %d %s by %d: %v", text, n, way, step, err)
					}
					if err := walk(len(plain) / 4); len(plain) > 1<<19 && way == "all" && err == nil {
						t.Errorf("%s %d %s by %d passed for half", text, n, way, step)
					}
				}
			}
		}
	}
}

func streamed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
