package endtoend

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/cesnet/rwm/internal/harness/treecmp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, content, 0o644))
}

func expectEqualTrees(t testing.TB, want, got string) {
	t.Helper()
	r, err := treecmp.Compare(want, got)
	must(t, err)
	if !r.Equal() {
		t.Fatalf("%s differs from %s: %q", got, want, r.Differences)
	}
	if r.Files < 20 {
		t.Fatalf("only %d files compared", r.Files)
	}
}
