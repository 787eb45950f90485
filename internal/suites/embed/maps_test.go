package embed

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sourcesBelow are the Go files below a directory of the main module, without those of
// nested modules' dependencies.
func sourcesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What ARCHITECTURE.md names in backquotes exists: files, packages, and the names of
// Go.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := os.ReadFile("testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := sourcesBelow(t, root(t))
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	checked := 0
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(outsideBlocks(string(data)), -1) {
		name := m[1]
		var there bool
		switch {
		case strings.ContainsAny(name, " …-") && !strings.Contains(name, "/"):
			continue // a command, or the prefix of a name
		case regexp.MustCompile(`^[\w*.-]+\.(go|md|txt)$`).MatchString(name):
			there = slices.ContainsFunc(files, func(file string) bool {
				ok, _ := filepath.Match(name, filepath.Base(file))
				return ok
			})
		case strings.Contains(name, "/"):
			found, err := filepath.Glob(filepath.Join(root(t), strings.ReplaceAll(name, "NAME", "*")))
			there = err == nil && len(found) > 0
		case strings.Contains(name, "."):
			there = regexp.MustCompile(`(?m)^\w+ ` + regexp.QuoteMeta(name) + `( |$)`).Match(api)
		default:
			found, err := filepath.Glob(filepath.Join(root(t), name))
			there = err == nil && len(found) > 0 ||
				regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |\t)`+regexp.QuoteMeta(name)+`\b`).MatchString(source.String())
		}
		checked++
		if !there {
			t.Errorf("ARCHITECTURE.md: there is no %s", name)
		}
	}
	if checked < 60 {
		t.Errorf("only %d names were found", checked)
	}
}

// outsideBlocks is Markdown without its blocks of code.
func outsideBlocks(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
}

// The map of files in a package's doc.go names every file of the package, and none
// that is not there.
func TestMapsOfFilesAreComplete(t *testing.T) {
	for _, dir := range []string{"restic", "s3state", "s3versions", "fusemount"} {
		text, err := os.ReadFile(filepath.Join(root(t), dir, "doc.go"))
		if err != nil {
			t.Fatal(err)
		}
		var patterns []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "//\t") {
				patterns = append(patterns, regexp.MustCompile(`[\w*]+\.go\b`).FindAllString(line, -1)...)
			}
		}
		files, err := filepath.Glob(filepath.Join(root(t), dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{"doc.go": true}
		for _, file := range files {
			base := filepath.Base(file)
			if strings.HasSuffix(base, "_test.go") || base == "doc.go" {
				continue
			}
			named := false
			for _, p := range patterns {
				if ok, _ := filepath.Match(p, base); ok {
					named, used[p] = true, true
				}
			}
			if !named {
				t.Errorf("%s/doc.go: the map lacks %s", dir, base)
			}
		}
		for _, p := range patterns {
			if !used[p] {
				t.Errorf("%s/doc.go: there is no %s", dir, p)
			}
		}
	}
}

// No file is longer than one can read in a sitting.
func TestFilesAreShort(t *testing.T) {
	const most = 400
	for _, file := range sourcesBelow(t, root(t)) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > most {
			t.Errorf("%s has %d lines, more than %d: split it by subject", file, n, most)
		}
	}
}
