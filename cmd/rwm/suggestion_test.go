package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A command in backquotes is one for the same configuration and repository.
func TestSuggestionsNameTheConfiguration(t *testing.T) {
	a := &app{}
	a.cli.Config = defaultConfig
	const index = "`rwm restic repair index` mends it; see `rwm storage-info B` (the admin: rwm storage-create)"
	if got := a.suggestion(index); got != index {
		t.Error(got)
	}
	a.cli.Config = "/etc/my rwm.conf"
	own := "`rwm --config '/etc/my rwm.conf' "
	twice := func() {
		t.Helper()
		if once := a.suggestion(index); a.suggestion(once) != once {
			t.Errorf("completed twice: %s", a.suggestion(once))
		}
	}
	twice()
	const info = "see `rwm --config '/etc/my rwm.conf' storage-info B` (the admin: rwm storage-create)"
	if got, want := a.suggestion(index), own+"restic repair index` mends it; "+info; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	a.cli.Restic.Repo, a.cli.Restic.PasswordFile = "/srv/a b", "p"
	if got, want := a.suggestion(index), own+"restic -r '/srv/a b' --password-file p repair index` mends it; "+info; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	twice()
	a.cli.Config = defaultConfig
	twice()
}

// What a message says to type can be typed: the arguments are there.
func TestSuggestionsCanBeTyped(t *testing.T) {
	quoted := regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
	command := regexp.MustCompile("`rwm ((?:storage|restic|s3|backup|keep)[^`\"]*)`")
	typed := 0
	for _, dir := range []string{".", "../../rwm", "../../restic", "../../s3state", "../../s3tool", "../../keeper", "../../rcc"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range command.FindAllStringSubmatch(strings.Join(quoted.FindAllString(string(text), -1), ""), -1) {
				args := strings.Fields(match[1])
				if len(args) == 1 && (args[0] == "restic" || args[0] == "s3") {
					continue // the whole group
				}
				typed++
				parser, err := newParser(&cli{}, io.Discard, io.Discard)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := parser.Parse(args); err != nil {
					t.Errorf("%s: rwm %s: %v", file, match[1], err)
				}
			}
		}
	}
	if typed < 10 {
		t.Errorf("only %d commands found", typed)
	}
}

// Messages write the commands they suggest in backquotes, so that the configuration is
// named in them, unless they are the admin's.
func TestSuggestionsAreInBackquotes(t *testing.T) {
	quoted := regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
	bare := regexp.MustCompile("[^`]\\brwm (restic|aws|s3|rcc|backup-all|storage-[a-z-]+)[ ;,:)]")
	looked := 0
	for _, dir := range []string{".", "../../rwm", "../../restic", "../../s3state", "../../s3tool", "../../keeper"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, `help:"`) || strings.Contains(line, "TrimPrefix") {
					continue
				}
				for _, literal := range quoted.FindAllString(line, -1) {
					looked++
					if bare.MatchString(" "+literal[1:]) && !strings.Contains(literal, "admin") {
						t.Errorf("%s: %s", file, literal)
					}
				}
			}
		}
	}
	if looked < 3000 {
		t.Errorf("only %d texts looked at", looked)
	}
}
