package restic

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// fillCache puts all that a cache may hold of a local repository into one, unchecked,
// as the restic command does.
func fillCache(t testing.TB, loc Location, id string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, kind := range []string{"data", "index", "snapshots"} {
		from := filepath.Join(loc.String(), kind)
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			to := filepath.Join(dir, id, kind, d.Name()[:2])
			if err := os.MkdirAll(to, 0o700); err != nil {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, d.Name()), raw, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, id, "version"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What the restic command put into the cache is refused as it is in the storage.
func TestBombsInTheCache(t *testing.T) {
	const size = 96 << 20
	whole := wholeRepository(t)
	id := openAgain(t, whole, WithoutLock()).ID()
	plain := []byte(`{"nodes":[]}` + "\n")
	refused := func(t *testing.T, loc Location, name string, op func(*testing.T, *Session) error) {
		t.Helper()
		session := openAgain(t, loc, WithCacheDir(fillCache(t, loc, id)), WithoutLock())
		for range 2 {
			before := allocated()
			err := op(t, session)
			if grown := allocated() - before; grown > size {
				t.Errorf("%d MiB were allocated", grown>>20)
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name[:8]) {
				t.Errorf("%v", err)
			}
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
	for way, frames := range bombFrames(t, plain, size) {
		ops := []string{"ls", "find", "stats", "diff", "restore", "FS"}
		if harness.Size(1, 2) == 1 {
			if way != "unsaid" {
				continue
			}
			ops = []string{"ls", "restore"}
		}
		loc := copyRepository(t, whole)
		s := newSealer(t, loc)
		entry := s.bombPack("tree", engrestic.Hash(plain), frames, len(plain))
		s.index(entry)
		sn := s.snapshot(engrestic.Hash(plain).String())
		for _, name := range ops {
			t.Run(name+" "+way, func(t *testing.T) {
				refused(t, copyRepository(t, loc), entry["id"].(string), func(t *testing.T, s *Session) error {
					return bombOperations[name].run(t, s, sn)
				})
			})
		}
	}
	for kind, text := range map[string][]byte{
		"snapshots": bomb(t, size, true, fmt.Sprintf(`{"time":"2026-01-02T03:04:05Z","tree":"%064d","paths":["`, 1), `"],"hostname":"h"}`),
		"index":     bomb(t, size, true, `{"x":"`, `","packs":[]}`),
	} {
		t.Run(kind, func(t *testing.T) {
			loc := copyRepository(t, whole)
			s := newSealer(t, loc)
			refused(t, loc, s.put(kind, s.seal(text)), func(t *testing.T, s *Session) error {
				return bombOperations["find"].run(t, s, "latest")
			})
		})
	}
}

// A cached copy that is cut off, damaged or that of another object is thrown away and
// read again from the storage.
func TestSpoiledCache(t *testing.T) {
	loc := wholeRepository(t)
	plain := openAgain(t, loc, WithoutLock())
	list := func(s *Session) string {
		var lines []string
		err := s.Ls(t.Context(), LsOptions{Snapshot: "latest"}, LsVisitor{Node: func(n Node) error {
			lines = append(lines, n.Path)
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
		return strings.Join(lines, "\n")
	}
	want := list(plain)
	for name, spoil := range map[string]func(path string, raw []byte) []byte{
		"cut off": func(_ string, raw []byte) []byte { return raw[:40] },
		"empty":   func(string, []byte) []byte { return nil },
		"damaged": func(_ string, raw []byte) []byte {
			for i := 5; i < len(raw); i += 16 {
				raw[i] ^= 1
			}
			return raw
		},
		"another": func(path string, _ []byte) []byte { return []byte(strings.Repeat("other", 50_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := fillCache(t, loc, plain.ID())
			spoiled := map[string][]byte{}
			for _, kind := range []string{"data", "index", "snapshots"} {
				files, err := filepath.Glob(filepath.Join(dir, plain.ID(), kind, "??", "*"))
				if err != nil || len(files) == 0 {
					t.Fatal(err, "nothing is cached")
				}
				for _, path := range files {
					raw := readFile(t, path)
					spoiled[path] = spoil(path, append([]byte{}, raw...))
					if err := os.WriteFile(path, spoiled[path], 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			s := openAgain(t, loc, WithCacheDir(dir), WithoutLock())
			if got := list(s); got != want {
				t.Errorf("%s\nwant\n%s", got, want)
			}
			for path := range spoiled {
				now, err := os.ReadFile(path)
				if err == nil && string(now) == string(spoiled[path]) && !strings.Contains(path, "/data/") {
					t.Errorf("%s is as it was", path)
				}
			}
		})
	}
}

// A full disk leaves the file with the cache's version empty: the cache is used again
// once there is room. One of a later version is left alone.
func TestCacheVersionThatIsNone(t *testing.T) {
	loc := wholeRepository(t)
	for version, want := range map[string]string{"": "1", "\x00\x00": "1", "99": "99"} {
		dir := t.TempDir()
		file := filepath.Join(dir, openAgain(t, loc, WithoutLock()).ID(), "version")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
		warned := false
		openAgain(t, loc, WithCacheDir(dir), WithoutLock(), WithEvents(func(e Event) {
			if _, is := e.(Warning); is {
				warned = true
			}
		}))
		if got := string(readFile(t, file)); got != want || warned != (version == "99") {
			t.Errorf("%q: now %q, warned %v", version, got, warned)
		}
	}
}

// Packs that the index no longer has leave the cache, at most once a day.
func TestCacheLosesPacksThatWent(t *testing.T) {
	loc := wholeRepository(t)
	id := openAgain(t, loc, WithoutLock()).ID()
	dir := fillCache(t, loc, id)
	gone := filepath.Join(dir, id, "data", "00", strings.Repeat("0", 64))
	if err := os.MkdirAll(filepath.Dir(gone), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		if err := os.WriteFile(gone, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openAgain(t, loc, WithCacheDir(dir), WithoutLock())
		if err := s.Ls(t.Context(), LsOptions{Snapshot: "latest"}, LsVisitor{Node: func(Node) error { return nil }}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(gone); (err == nil) != want {
			t.Errorf("%v, want it there: %v", err, want)
		}
	}
}
