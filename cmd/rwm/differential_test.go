package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/resticcli"
)

// TestDifferential runs each command line of differentialCases with restic 0.19.1 and
// with rwm, on copies of one repository, and compares the exit codes, the output
// and what is in the repository and in the file system afterwards. What differs on purpose is
// named in the case, and must differ. docs/restic-commands.md is made of the cases (TestDocs).
func TestDifferential(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	w := newDiffWorld(t)
	for _, c := range differentialCases {
		t.Run(strings.ReplaceAll(c.args, "/", "_"), func(t *testing.T) {
			t.Parallel()
			differences := w.compare(t, c)
			switch {
			case c.differs == "" && differences != "":
				t.Errorf("restic %s:\n%s", c.args, differences)
			case c.differs != "" && differences == "":
				t.Errorf("restic %s: no difference found, but the case says: %s", c.args, c.differs)
			}
		})
	}
}

// diffWorld is what all cases start from.
type diffWorld struct {
	restic, rwm string
	base, data  string            // repository and source
	words       map[string]string // $S1, …
	known       map[string]bool   // IDs and times that are the same on both sides
}

const diffPassword = "differential"

func newDiffWorld(t *testing.T) *diffWorld {
	rwm, err := exec.LookPath("rwm")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &diffWorld{
		restic: resticcli.Current(t).Path(), rwm: rwm,
		base: filepath.Join(dir, "base"), data: filepath.Join(dir, "data"),
		words: map[string]string{"$DATA": filepath.Join(dir, "data"), "$LISTS": dir}, known: map[string]bool{},
	}
	w.writeSource(t, dir)
	run := func(args ...string) string {
		out, err := w.command(w.restic, w.base, args).Output()
		if err != nil {
			t.Fatalf("restic %v: %v", args, err)
		}
		return string(out)
	}
	run("init")
	run("backup", w.data, "--host", "h1", "--tag", "a,b", "--time", "2024-01-01 10:00:00")
	w.write(t, "sub/new", "something new")
	run("backup", w.data, "--host", "h1", "--tag", "a", "--time", "2024-02-01 10:00:00")
	run("backup", filepath.Join(w.data, "sub"), "--host", "h2", "--time", "2024-02-01 11:00:00")
	w.write(t, "gone", "only in the snapshot that is forgotten")
	run("backup", w.data, "--host", "h3", "--tag", "c", "--time", "2024-03-01 10:00:00")
	if err := os.Remove(filepath.Join(w.data, "gone")); err != nil {
		t.Fatal(err)
	}
	w.learn(t, run)
	return w
}

func (w *diffWorld) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(w.data, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w *diffWorld) writeSource(t *testing.T, dir string) {
	w.write(t, "one", "one\n")
	w.write(t, "big.bin", strings.Repeat("0123456789abcdef", 1<<15))
	w.write(t, "sub/two.txt", "two\n")
	w.write(t, "sub/deep/Three.TXT", "three\n")
	w.write(t, "cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	w.write(t, "cache/junk", "junk")
	w.write(t, "skipme/.nobackup", "")
	w.write(t, "skipme/x", "x")
	if err := os.Symlink("one", filepath.Join(w.data, "link")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"pw": diffPassword + "\n", "newpw": "another\n", "patterns": "# a comment\n*.txt\n", "files": w.data + "/one\n" + w.data + "/sub\n",
		"raw": w.data + "/one\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// learn notes the IDs and times in the base repository.
func (w *diffWorld) learn(t *testing.T, run func(...string) string) {
	var snapshots []struct{ ID, Time, Tree string }
	if err := json.Unmarshal([]byte(run("snapshots", "--json")), &snapshots); err != nil {
		t.Fatal(err)
	}
	for i, sn := range snapshots {
		w.words[fmt.Sprintf("$S%d", i+1)] = sn.ID
		w.words[fmt.Sprintf("$T%d", i+1)] = sn.Tree
	}
	for _, kind := range []string{"snapshots", "packs", "index", "keys", "blobs"} {
		for i, line := range strings.Fields(run("list", kind)) {
			w.known[line], w.known[line[:min(8, len(line))]] = true, true
			if i == 0 && kind != "snapshots" && kind != "blobs" {
				w.words["$"+strings.ToUpper(kind)] = line
			}
			if kind == "blobs" && i == 1 {
				w.words["$BLOB"] = line
			}
		}
	}
}

func (w *diffWorld) command(program, repo string, args []string) *exec.Cmd {
	if program == w.rwm {
		args = append([]string{"restic"}, args...)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "RESTIC_REPOSITORY="+repo, "RESTIC_PASSWORD="+diffPassword, "RESTIC_FROM_PASSWORD="+diffPassword,
		"RESTIC_CACHE_DIR="+repo+"-cache", "TZ=UTC", "RESTIC_PROGRESS_FPS=")
	return cmd
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
	repo, out := filepath.Join(dir, "repo"), filepath.Join(dir, "out")
	from := filepath.Join(dir, "from")
	for _, to := range []string{repo, from} {
		if err := os.CopyFS(to, os.DirFS(w.base)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := w.command(program, repo, w.expand(c.args, map[string]string{"$REPO": repo, "$OUT": out, "$FROM": from}))
	cmd.Dir = out
	cmd.Stdin = strings.NewReader(c.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", program, c.args, err)
	}
	t.Logf("%s %s: exit code %d\n%s%s", filepath.Base(program), c.args, cmd.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes())
	result := outcome{code: cmd.ProcessState.ExitCode(), files: listFiles(t, out)}
	n := normalizer{world: w, replace: map[string]string{repo: "$REPO", out: "$OUT"}, unordered: c.unordered}
	switch {
	case c.text:
		result.output = n.lines(stdout.String())
	case strings.Contains(" "+c.args+" ", " --json "):
		result.output = n.json(t, stdout.Bytes())
	}
	if c.writes {
		result.repo = w.contents(t, repo, n, c)
	}
	return result
}

func (w *diffWorld) expand(args string, dirs map[string]string) []string {
	words := strings.Fields(args)
	for i, word := range words {
		for from, to := range dirs {
			word = strings.ReplaceAll(word, from, to)
		}
		for from, to := range w.words {
			word = strings.ReplaceAll(word, from, to)
		}
		words[i] = strings.ReplaceAll(word, "''", "")
		words[i] = strings.ReplaceAll(words[i], "_", " ")
	}
	return words
}

// contents reads the repository with restic itself.
func (w *diffWorld) contents(t *testing.T, repo string, n normalizer, c diffCase) any {
	read := func(args ...string) []byte {
		cmd := w.command(w.restic, repo, append(args, "--no-lock", "--no-cache"))
		if c.password != "" {
			cmd.Env = append(cmd.Env, "RESTIC_PASSWORD="+c.password)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Appendf(nil, "%q", fmt.Sprintf("%v: %v: %s", args, err, out))
		}
		return out
	}
	n.unordered = true
	state := map[string]any{
		"snapshots": n.json(t, read("snapshots", "--json")),
		"locks":     string(read("list", "locks")),
		"keys":      len(strings.Fields(string(read("list", "keys")))),
	}
	if !c.newBlobs {
		state["blobs"] = n.lines(string(read("list", "blobs")))
	}
	return state
}

func listFiles(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text := info.Mode().String()
		if !strings.HasPrefix(name, "pack-") {
			text += " " + info.ModTime().UTC().Format(time.RFC3339)
		}
		switch {
		case info.Mode().IsRegular() && filepath.Ext(name) != ".zip" && filepath.Ext(name) != ".tar":
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %x", len(content), content[:min(len(content), 40)])
		case info.Mode().IsRegular(): // archives and files written now
			text = fmt.Sprint(info.Mode(), info.Size())
		case info.Mode()&os.ModeSymlink != 0:
			text, err = os.Readlink(path)
		}
		found[name] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
