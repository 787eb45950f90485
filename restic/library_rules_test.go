package restic

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// A library ends no process, prints nothing and keeps no state of its own; and the
// module keeps restic's setting for Windows.
func TestManners(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(mod, []byte("\ngodebug winsymlink=0\n")) {
		t.Error("go.mod lacks godebug winsymlink=0")
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	forbidden := map[string][]string{
		"os":   {"Exit", "Stdout", "Stderr", "Stdin"},
		"fmt":  {"Print", "Printf", "Println"},
		"log":  {"Print", "Printf", "Println", "Fatal", "Fatalf", "Panic", "Default"},
		"slog": {"Default", "Debug", "Info", "Warn", "Error"},
	}
	fset := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(forbidden[pkg.Name], sel.Sel.Name) {
					t.Errorf("%s: %s.%s", fset.Position(n.Pos()), pkg.Name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// A warm cache hides an overwritten object. readFresh without the cache sees it.
func TestPastTheCache(t *testing.T) {
	m := newMemory()
	s, err := Init(t.Context(), m, testPassword, WithCacheDir(t.TempDir()), WithRetryFor(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	mustBackup(t, s, writeTree(t, map[string]string{"a": "x"}))
	h := engbackend.Handle{Type: engbackend.IndexFile, Name: m.names(t, engbackend.IndexFile)[0]}
	if err := m.Backend.Remove(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if err := m.Backend.Save(t.Context(), h, engbackend.NewByteReader(bytes.Repeat([]byte("overwritten"), 10), m.Hasher())); err != nil {
		t.Fatal(err)
	}
	load := func(withCache bool) (err error) {
		a := access{object: uncachedObject}
		if withCache {
			a.object = ownObject
		}
		return s.run(t.Context(), a, func(ctx context.Context, repo *engrepository.Repository) error {
			return repo.LoadIndex(ctx, nil)
		})
	}
	if err := load(true); err != nil {
		t.Error("with the cache:", err)
	}
	if err := load(false); err == nil {
		t.Error("the overwritten index was not noticed")
	}
}
