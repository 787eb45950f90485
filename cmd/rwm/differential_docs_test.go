package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocs holds docs/restic-commands.md to the cases of TestDifferential and to our
// flags. RWM_UPDATE_DOCS=1 writes it anew.
func TestDocs(t *testing.T) {
	var c cli
	parser, err := newParser(&c, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(docsHead)
	restic := child(parser.Model.Node, "restic")
	for _, node := range restic.Children {
		if node.Hidden {
			continue
		}
		if len(node.Children) == 0 {
			describe(&b, node.Name, node)
		}
		for _, sub := range node.Children {
			describe(&b, node.Name+" "+sub.Name, sub)
		}
	}
	b.WriteString("\n## The flags of every command\n\n")
	writeFlags(&b, restic.Flags, allArgs())
	b.WriteString("\n## Commands that are not there\n\n")
	for _, name := range slices.Sorted(mapsKeys(resticElsewhere)) {
		fmt.Fprintf(&b, "- `%s`: %s\n", name, resticElsewhere[name])
	}
	file := filepath.Join("..", "..", "docs", "restic-commands.md")
	if os.Getenv("RWM_UPDATE_DOCS") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != b.String() {
		t.Errorf("docs/restic-commands.md is not what the cases say (%v); RWM_UPDATE_DOCS=1 go test -run TestDocs ./cmd/rwm writes it", err)
	}
}

const docsHead = `# rwm restic and restic 0.19.1

Made from the cases of the differential test, which runs every command line below with restic 0.19.1 and with rwm on
copies of one repository and compares exit codes, output (of --json field by field, of other commands line by line where
it is machine-readable) and what is in the repository and the file system afterwards. IDs of what is new, times, durations
and stored sizes that depend on them are left out of the comparison. "same" means that nothing differed. $S1 and the like stand
for IDs, $DATA for the source.

Another test holds commands, flags and short forms to restic's own help: all of them are taken.
`

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func describe(b *strings.Builder, name string, node *kong.Node) {
	fmt.Fprintf(b, "\n## %s\n\n", name)
	used := ""
	rows := 0
	for _, c := range differentialCases {
		if c.args != name && !strings.HasPrefix(c.args, name+" ") {
			continue
		}
		if rows == 0 {
			b.WriteString("| command line | result |\n|---|---|\n")
		}
		rows++
		used += " " + c.args
		result := "same"
		if c.differs != "" {
			result = "differs: " + c.differs
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(c.args, "|", `\|`), result)
	}
	if rows == 0 {
		b.WriteString("No case: it has no output to compare.\n")
	}
	if len(node.Flags) > 0 {
		b.WriteString("\n")
		writeFlags(b, node.Flags, used)
	}
}

// writeFlags tells the flags that are in a command line from the others.
func writeFlags(b *strings.Builder, flags []*kong.Flag, used string) {
	var compared, others []string
	words := strings.FieldsFunc(used, func(r rune) bool { return r == ' ' || r == '=' })
	for _, f := range flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		text := "`--" + f.Name + "`"
		if slices.Contains(words, "--"+f.Name) || f.Short != 0 && slices.Contains(words, "-"+string(f.Short)) {
			compared = append(compared, text)
		} else {
			others = append(others, text)
		}
	}
	if len(compared) > 0 {
		fmt.Fprintf(b, "Flags in these: %s.\n", strings.Join(compared, ", "))
	}
	if len(others) > 0 {
		fmt.Fprintf(b, "Flags taken, in no case here: %s.\n", strings.Join(others, ", "))
	}
}

func allArgs() string {
	var all []string
	for _, c := range differentialCases {
		all = append(all, c.args)
	}
	return strings.Join(all, " ")
}
