package embed

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Comments wrap at 88 columns. A late edit that leaves a line a few columns wider is no
// reason to stop a release.
const widest = 88 + 6

var (
	declared = regexp.MustCompile(`^(?:func (?:\([^)]*\) )?|type )(\w+)`)
	// A comment that begins in lower case begins with a name.
	beginsWithName = regexp.MustCompile(`^// ([a-z]\w*)[ ,:]`)
	namesFile      = regexp.MustCompile(`(?:^|[ (])([a-z]\w*\.go)\b`)
	directive      = regexp.MustCompile(`^//(\w+:|lint:|export |go:|nolint)|^//.*https?://`)
)

// A comment over a declaration is about it, names files that exist, and is not
// much wider than 88 columns.
func TestComments(t *testing.T) {
	files := sourcesBelow(t, root(t))
	exists := map[string]bool{"file_test.go": true} // an example
	for _, file := range files {
		exists[filepath.Base(file)] = true
	}
	checked := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first := "" // line of the comment that goes on
		for i, line := range strings.Split(string(text), "\n") {
			bare := strings.TrimLeft(line, "\t")
			if !strings.HasPrefix(bare, "//") {
				name, begins := declared.FindStringSubmatch(line), beginsWithName.FindStringSubmatch(first)
				if name != nil && begins != nil && !strings.HasPrefix(name[1], "Test") {
					// In scripts of tests, the command is called by a part of the name.
					if checked++; !strings.Contains(strings.ToLower(name[1]), begins[1]) && begins[1] != name[1] {
						t.Errorf("%s:%d: the comment over %s begins with %s", file, i+1, name[1], begins[1])
					}
				}
				first = ""
				continue
			}
			if first == "" {
				first = line
			}
			if columns := utf8.RuneCountInString(bare) + 4*(len(line)-len(bare)); columns > widest && !strings.HasPrefix(bare, "//\t") && !directive.MatchString(bare) {
				t.Errorf("%s:%d: %d columns", file, i+1, columns)
			}
			for _, named := range namesFile.FindAllStringSubmatch(bare, -1) {
				if !exists[named[1]] {
					t.Errorf("%s:%d: there is no %s", file, i+1, named[1])
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d comments were checked", checked)
	}
}
