package treecmp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func makeTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	must(t, os.MkdirAll(filepath.Join(dir, "d"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "d", "f"), []byte("hello"), 0o644))
	must(t, os.Symlink("d/f", filepath.Join(dir, "l")))
	must(t, os.Chtimes(filepath.Join(dir, "d", "f"), at, at))
	must(t, os.Chtimes(filepath.Join(dir, "d"), at, at))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCompareSeesEveryDifference(t *testing.T) {
	keepTime := func(t *testing.T, path string, change func()) {
		fi, err := os.Lstat(path)
		must(t, err)
		change()
		must(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, dir string)
		want   string
	}{
		"nothing": {func(*testing.T, string) {}, ""},
		"content of the same size and time": {func(t *testing.T, dir string) {
			f := filepath.Join(dir, "d", "f")
			keepTime(t, f, func() { must(t, os.WriteFile(f, []byte("hellO"), 0o644)) })
		}, "d/f: content differs"},
		"longer": {func(t *testing.T, dir string) {
			f := filepath.Join(dir, "d", "f")
			keepTime(t, f, func() { must(t, os.WriteFile(f, []byte("hello!"), 0o644)) })
		}, "d/f: content differs"},
		"time": {func(t *testing.T, dir string) {
			must(t, os.Chtimes(filepath.Join(dir, "d", "f"), time.Now(), time.Now()))
		}, "d/f: modified"},
		"mode": {func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "d", "f"), 0o600)) }, "d/f: mode"},
		"missing": {func(t *testing.T, dir string) {
			d := filepath.Join(dir, "d")
			keepTime(t, d, func() { must(t, os.Remove(filepath.Join(d, "f"))) })
		}, "d/f: is missing"},
		"one too many": {func(t *testing.T, dir string) {
			d := filepath.Join(dir, "d")
			keepTime(t, d, func() { must(t, os.WriteFile(filepath.Join(d, "g"), nil, 0o644)) })
		}, "d/g: is there but should not be"},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := makeTree(t), makeTree(t)
			// A symbolic link's own time cannot be set portably: take it from one tree.
			must(t, os.Remove(filepath.Join(want, "l")))
			must(t, os.Remove(filepath.Join(got, "l")))
			tc.change(t, got)
			r, err := Compare(want, got)
			must(t, err)
			if tc.want == "" {
				if !r.Equal() {
					t.Fatalf("equal trees differ: %v", r.Differences)
				}
				return
			}
			if len(r.Differences) == 0 || !strings.HasPrefix(r.Differences[0], tc.want) {
				t.Fatalf("got %q, want a difference %q", r.Differences, tc.want)
			}
		})
	}
}
