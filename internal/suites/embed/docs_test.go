package embed

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/embedding.md says about names and about go.mod is so.
func TestEmbeddingDocument(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text := read("docs/embedding.md")
	imported := newImporter(t, "./restic", "./rwm", "./s3state", "./fusemount")
	names := regexp.MustCompile(`\b(rwm|restic|s3state|fusemount)\.([A-Z]\w+)`).FindAllStringSubmatch(text, -1)
	if len(names) < 20 {
		t.Errorf("only %d names found", len(names))
	}
	for _, name := range names {
		p, err := imported.Import(mainModule + "/" + name[1])
		if err != nil {
			t.Fatal(err)
		}
		if p.Scope().Lookup(name[2]) == nil {
			t.Errorf("there is no %s", name[0])
		}
	}
	example := regexp.MustCompile(`(?m)^replace .* (v\S+)$`).FindStringSubmatch(read("examples/embed/go.mod"))
	if example == nil {
		t.Fatal("examples/embed/go.mod has no replace line")
	}
	if !strings.Contains(text, "\n"+example[0]+"\n") || !strings.Contains(text, "\nrequire github.com/cesnet/rwm "+example[1]+"\n") {
		t.Errorf("docs/embedding.md has other lines for go.mod than examples/embed: %s", example[0])
	}
}

// The README shows the line too.
func TestReadmeReplaceLine(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`replace github\.com/restic/restic/rwmlink => github\.com/cesnet/rwm/restic/link v`)
	if !line.Match(data) && !strings.Contains(string(data), "docs/embedding.md") {
		t.Error("README.md neither shows the replace line nor points to docs/embedding.md")
	}
}
