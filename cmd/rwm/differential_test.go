package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

// TestDifferential runs each command line of differentialCases with restic 0.19.1 and
// with rwm, on copies of one repository, and compares the exit codes, the output, and
// the repository and the file system afterwards. A deliberate difference is named in
// the case, and must exist. docs/restic-commands.md is generated from the cases
// (TestDocs).
func TestDifferential(t *testing.T) {
	harness.NotShort(t)
	w := newDiffWorld(t)
	for _, c := range differentialCases {
		t.Run(strings.ReplaceAll(c.line(), "/", "_"), func(t *testing.T) {
			t.Parallel()
			differences := w.compare(t, c)
			switch {
			case c.differs == "" && differences != "":
				t.Errorf("restic %s:\n%s", c.line(), differences)
			case c.differs != "" && differences == "":
				t.Errorf("restic %s: no difference found, but the case says: %s", c.line(), c.differs)
			}
		})
	}
}

// outcome is what one side left.
type outcome struct {
	code   int
	output any
	repo   any
	files  map[string]string
}

// compare returns the differences in words.
func (w *diffWorld) compare(t *testing.T, c diffCase) string {
	var sides [2]outcome
	for i, program := range []string{w.restic, w.rwm} {
		sides[i] = w.run(t, c, program)
	}
	var b strings.Builder
	a, o := sides[0], sides[1]
	if a.code != o.code {
		fmt.Fprintf(&b, "exit code %d, rwm %d\n", a.code, o.code)
	}
	if !reflect.DeepEqual(a.output, o.output) {
		fmt.Fprintf(&b, "output\n%s\nrwm\n%s\n", pretty(a.output), pretty(o.output))
	}
	if !reflect.DeepEqual(a.repo, o.repo) {
		fmt.Fprintf(&b, "repository\n%s\nrwm\n%s\n", pretty(a.repo), pretty(o.repo))
	}
	if !reflect.DeepEqual(a.files, o.files) {
		fmt.Fprintf(&b, "files %v\nrwm %v\n", a.files, o.files)
	}
	return b.String()
}

func pretty(v any) string {
	text, _ := json.MarshalIndent(v, "", " ")
	return string(text)
}

func (w *diffWorld) run(t *testing.T, c diffCase, program string) outcome {
	dir := t.TempDir()
	repo, out, mnt := filepath.Join(dir, "repo"), filepath.Join(dir, "out"), filepath.Join(dir, "mnt")
	dirs := map[string]string{"$REPO": repo, "$OUT": out, "$MNT": mnt, "$DIR": dir}
	w.populate(t, c, dir, dirs)
	for _, line := range c.before {
		if text, err := w.command(w.restic, repo, w.expand(line, dirs)).CombinedOutput(); err != nil {
			t.Fatalf("restic %s: %v\n%s", line, err, text)
		}
	}
	cmd := w.command(program, repo, w.expand(c.args, dirs))
	if c.noEnv {
		cmd.Env = append(cmd.Env, "RESTIC_REPOSITORY=", "RESTIC_PASSWORD=", "RESTIC_FROM_PASSWORD=")
	}
	cmd.Env = append(cmd.Env, w.expand(c.env, dirs)...)
	cmd.Dir = out
	cmd.Stdin = strings.NewReader(c.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var mounted map[string]string
	var err error
	if c.needsMount(t) {
		mounted, err = watchMount(t, cmd, mnt)
	} else {
		err = cmd.Run()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", program, c.args, err)
	}
	t.Logf("%s %s: exit code %d\n%s%s", filepath.Base(program), c.args, cmd.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes())
	result := outcome{code: cmd.ProcessState.ExitCode(), files: listFiles(t, out)}
	maps.Copy(result.files, mounted)
	n := normalizer{world: w, replace: strings.NewReplacer(repo, "$REPO", out, "$OUT", dir, "$DIR"), unordered: c.unordered}
	if strings.Contains(c.line(), "cache") {
		result.files["caches"] = n.text(cacheNames(t, dir))
	}
	switch {
	case c.table:
		result.output = n.table(stdout.String())
	case c.text:
		result.output = n.lines(stdout.String())
	case strings.Contains(" "+c.args+" ", " --json "):
		result.output = n.json(t, stdout.Bytes())
	}
	if c.writes {
		if c.at != "" {
			repo = w.expand(c.at, dirs)[0]
		}
		result.repo = w.contents(t, repo, n, c)
	}
	return result
}

func (w *diffWorld) expand(args string, dirs map[string]string) []string {
	var pairs []string
	for _, values := range []map[string]string{dirs, w.words} {
		for word, value := range values {
			pairs = append(pairs, word, value)
		}
	}
	expand := strings.NewReplacer(append(pairs, "''", "", "+", " ")...) // in one go: values have $ and + in them
	words := strings.Fields(args)
	for i, word := range words {
		words[i] = expand.Replace(word)
	}
	return words
}
