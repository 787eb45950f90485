package embed

import (
	"io/fs"
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

// Every line of the tables in docs/threat-model.md that says what comes of an attack
// names a test, and every test that is named there exists.
func TestThreatModelNamesItsTests(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(t), "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w+)`")
	there := testNames(t)
	held, rows := false, 0
	for line := range strings.Lines(string(data)) {
		for _, name := range named.FindAllStringSubmatch(line, -1) {
			if !there[name[1]] {
				t.Errorf("there is no test %s", name[1])
			}
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			held = false
		case strings.HasSuffix(line, "| held by |\n"):
			held = true
		case held && !strings.HasPrefix(line, "|--"):
			rows++
			if !named.MatchString(line[strings.LastIndex(strings.TrimSuffix(line, "|\n"), "|"):]) {
				t.Errorf("no test holds this line: %s", line)
			}
		}
	}
	if rows < 25 {
		t.Errorf("only %d lines are held by tests", rows)
	}
}

// testNames are the tests of the main module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(t \*testing\.T\)`)
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
