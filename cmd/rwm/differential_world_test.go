package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// diffWorld is what all cases start from.
type diffWorld struct {
	restic, rwm string
	base, data  string            // repository and source
	v1, empty   string            // repositories of format 1 and with an empty password
	words       map[string]string // $S1, …
	polynomial  string            // of base's chunker
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
		v1: filepath.Join(dir, "v1"), empty: filepath.Join(dir, "empty"),
		words: map[string]string{"$DATA": filepath.Join(dir, "data"), "$LISTS": dir}, known: map[string]bool{},
	}
	w.writeSource(t, dir)
	runAt := func(repo string, args ...string) string {
		out, err := w.command(w.restic, repo, args).Output()
		if err != nil {
			t.Fatalf("restic %v: %v", args, err)
		}
		return string(out)
	}
	run := func(args ...string) string { return runAt(w.base, args...) }
	setExtras(t, w.data)
	run("init")
	cheapkeys.Local(t, w.base, diffPassword)
	run("backup", w.data, "--host", "h1", "--tag", "a,b", "--time", "2024-01-01 10:00:00")
	w.write(t, "sub/new", "something new")
	run("backup", w.data, "--host", "h1", "--tag", "a", "--time", "2024-02-01 10:00:00")
	run("backup", filepath.Join(w.data, "sub"), "--host", "h2", "--time", "2024-02-01 11:00:00")
	w.write(t, "gone", "only in the snapshot that is forgotten")
	run("backup", w.data, "--host", "h3", "--tag", "c", "--time", "2024-03-01 10:00:00")
	if err := os.Remove(filepath.Join(w.data, "gone")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadDir(w.data); err != nil { // its access time stays the same from now on, see relatime
		t.Fatal(err)
	}
	runAt(w.v1, "init", "--repository-version", "1")
	cheapkeys.Local(t, w.v1, diffPassword)
	runAt(w.v1, "backup", filepath.Join(w.data, "sub"), "--host", "h2", "--time", "2024-02-01 11:00:00")
	if err := os.CopyFS(w.empty, os.DirFS(w.base)); err != nil {
		t.Fatal(err)
	}
	cheapkeys.LocalForNewPassword(t, w.empty, diffPassword, "")
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
		"raw": w.data + "/one\x00", "pw-utf16": utf16le(diffPassword + "\r\n"), "files-utf16": utf16le(w.data + "/sub\r\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// utf16le is text as PowerShell writes it into a file.
func utf16le(text string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// learn notes the IDs and times in the base repository.
func (w *diffWorld) learn(t *testing.T, run func(...string) string) {
	var snapshots []struct{ ID, Time, Tree string }
	if err := json.Unmarshal([]byte(run("snapshots", "--json")), &snapshots); err != nil {
		t.Fatal(err)
	}
	var config struct {
		ID         string
		Polynomial string `json:"chunker_polynomial"`
	}
	if err := json.Unmarshal([]byte(run("cat", "config")), &config); err != nil {
		t.Fatal(err)
	}
	w.polynomial, w.words["$ID"] = config.Polynomial, config.ID
	w.known[config.ID] = true
	for i, sn := range snapshots {
		w.words[fmt.Sprintf("$S%d", i+1)] = sn.ID
		w.words[fmt.Sprintf("$T%d", i+1)] = sn.Tree
	}
	for _, kind := range []string{"snapshots", "packs", "index", "keys", "blobs"} {
		words := strings.Fields(run("list", kind))
		for i, line := range words {
			w.known[line], w.known[line[:min(8, len(line))]] = true, true
			if i == 0 && kind != "snapshots" && kind != "blobs" {
				w.words["$"+strings.ToUpper(kind)] = line
			}
			if kind == "blobs" && i > 0 && words[i-1] == "data" {
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
		"RESTIC_CACHE_DIR="+repo+"-cache", "TZ=UTC", "RESTIC_PROGRESS_FPS=",
		"GOGC=off", "GOMEMLIMIT=500MiB") // a process that ends soon need not collect garbage
	return cmd
}

// populate makes what one side of a case works on: copies of the repositories it
// names, files that name these, an old cache, and $OUT.
func (w *diffWorld) populate(t *testing.T, c diffCase, dir string, dirs map[string]string) {
	t.Helper()
	all := c.line() + strings.Join(c.before, " ") + c.at
	for word, original := range map[string]string{"$REPO": w.base, "$FROM": w.base, "$V1": w.v1, "$EMPTY": w.empty} {
		if word != "$REPO" {
			dirs[word] = filepath.Join(dir, strings.ToLower(word[1:]))
		}
		if word == "$REPO" || strings.Contains(all, word) || word == "$FROM" && strings.Contains(all, "from-location") {
			copyRepository(t, original, dirs[word])
		}
	}
	stale := filepath.Join(dir, "repo-cache", strings.Repeat("0123abcd", 8))
	for _, path := range []string{dirs["$OUT"], dirs["$MNT"], stale} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-50 * 24 * time.Hour)
	if err := os.Chtimes(stale, long, long); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"location": dirs["$REPO"], "from-location": dirs["$FROM"]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// copyRepository copies a local repository without the directories that are empty, some
// 250 of 256 for packs: making and removing these took most of the time of all cases.
// restic makes them anew when it needs one.
func copyRepository(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			if filepath.Base(filepath.Dir(path)) == "data" {
				return nil // comes with its first file
			}
			return os.MkdirAll(target, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
}
