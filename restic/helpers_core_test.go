package restic

import (
	"os"
	"path/filepath"
	"testing"
)

const testPassword = "correct horse battery staple"

// writeTree makes files with the given contents below a new directory and returns it.
func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// initLocal makes a repository in a new directory.
func initLocal(t testing.TB, opts ...Option) (*Session, Location) {
	t.Helper()
	loc := Local(filepath.Join(t.TempDir(), "repository"))
	opts = append([]Option{WithCacheDir(t.TempDir())}, opts...)
	s, err := Init(t.Context(), loc, testPassword, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, loc
}
