package main

import (
	"fmt"
	"maps"
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
			describe(t, &b, node.Name, node)
		}
		for _, sub := range node.Children {
			describe(t, &b, node.Name+" "+sub.Name, sub)
		}
	}
	b.WriteString("\n## The flags of every command\n\n")
	flags := slices.Clone(restic.Flags)
	for _, f := range parser.Model.Flags {
		if slices.Contains([]string{"json", "quiet", "verbose"}, f.Name) {
			flags = append(flags, f)
		}
	}
	writeFlags(t, &b, "", flags, allArgs())
	b.WriteString("\n## Commands that are not there\n\n")
	for _, name := range slices.Sorted(maps.Keys(resticElsewhere)) {
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
it is machine-readable) and what is in the repository and the file system afterwards. The comparison leaves out IDs of
what is new, times, durations, the stored sizes that depend on them, and the width of table columns. "same" means that
nothing differed. A + stands for a space, $S1 and the like for IDs, $DATA for the source, $DIR for a scratch directory,
$V1 for a repository of format 1, and $EMPTY for one with an empty password. Assignments before a command set
environment variables.

Another test compares commands, flags and short forms with restic's own help: rwm accepts all of them. A flag that is in
no command line here is listed with the reason.

The cases run on Linux, where restic refuses backup --exclude-cloud-files (which it has on Windows and macOS) and
--use-fs-snapshot (on Windows). rwm accepts the first on both; it cannot read from Windows' file system snapshots.

Where restic has no --json (prune, copy, recover, the repairs and others), rwm prints JSON of its own.

This page is about the commands of restic. The other commands of rwm (backup, storage-…, s3, rcc, aws) are in no case,
since restic has nothing like them; ` + "`rwm --help`" + ` lists them.
`

func describe(t *testing.T, b *strings.Builder, name string, node *kong.Node) {
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
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(c.line(), "|", `\|`), result)
	}
	if rows == 0 {
		if noCase[name] == "" {
			t.Errorf("restic %s is in no case of TestDifferential, and noCase does not say why", name)
		}
		fmt.Fprintf(b, "No case: %s.\n", noCase[name])
	}
	if len(node.Flags) > 0 {
		b.WriteString("\n")
		writeFlags(t, b, name, node.Flags, used)
	}
}

// writeFlags tells the flags that are in a command line from the others, which
// notCompared must give a reason for.
func writeFlags(t *testing.T, b *strings.Builder, command string, flags []*kong.Flag, used string) {
	var compared, others []string
	words := strings.FieldsFunc(used, func(r rune) bool { return r == ' ' || r == '=' })
	for _, f := range flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		run := slices.Contains(words, "--"+f.Name) || f.Short != 0 && slices.Contains(words, "-"+string(f.Short))
		why := notCompared[command][f.Name]
		switch {
		case run && why != "":
			t.Errorf("restic %s --%s is in a case, but notCompared says why it is not: %s", command, f.Name, why)
		case run:
			compared = append(compared, "`--"+f.Name+"`")
		case why == "":
			t.Errorf("restic %s --%s is in no case of TestDifferential, and notCompared does not say why", command, f.Name)
		default:
			others = append(others, fmt.Sprintf("- `--%s`: %s\n", f.Name, why))
		}
	}
	if len(compared) > 0 {
		fmt.Fprintf(b, "Flags in these: %s.\n", strings.Join(compared, ", "))
	}
	if len(others) > 0 {
		if len(compared) > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "In no case here:\n\n%s", strings.Join(others, ""))
	}
}

func allArgs() string {
	var all []string
	for _, c := range differentialCases {
		all = append(all, c.args)
	}
	return strings.Join(all, " ")
}
