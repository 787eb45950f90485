package restic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

// sampleFiles is a small tree with what a restore can get wrong: nesting, an empty
// file, large and incompressible content, names that need care.
func sampleFiles() map[string]string {
	return map[string]string{
		"work/report.txt":        "quarterly figures\n",
		"work/Draft.TXT":         "unfinished\n",
		"work/deep/er/note.md":   "# deep\n",
		"work/empty":             "",
		"music/noise.bin":        noise(3<<20, 1),
		"music/zeros.bin":        strings.Repeat("\x00", 2<<20),
		"odd/ž luťoučký kůň":     "unicode\n",
		"odd/new\nline":          "newline\n",
		"odd/[bracket]*star":     "pattern characters\n",
		"odd/same-as-report":     "quarterly figures\n",
		"odd/cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n",
	}
}

// noise returns n bytes that do not compress, the same for the same seed.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	x := seed*2862933555777941757 + 3037000493
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return string(b)
}

// backupAt makes a snapshot.
func backupAt(t testing.TB, s *Session, at time.Time, host string, tags []string, paths ...string) ID {
	t.Helper()
	res, err := s.Backup(t.Context(), BackupOptions{Paths: paths, Time: at, Host: host, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return res.SnapshotID
}

// cliRepo gives the restic command a repository in a directory, with a cache of its
// own.
func cliRepo(t testing.TB, loc Location) resticcli.Repo {
	return resticcli.Repo{URL: loc.String(), Password: testPassword, CacheDir: t.TempDir()}
}

// sameJSON compares two values by their JSON, leaving out the named fields wherever
// they are.
func sameJSON(t testing.TB, what string, got, want any, without ...string) {
	t.Helper()
	g, w := normalJSON(t, got, without), normalJSON(t, want, without)
	if !reflect.DeepEqual(g, w) {
		gt, _ := json.MarshalIndent(g, "", " ")
		wt, _ := json.MarshalIndent(w, "", " ")
		t.Errorf("%s: got\n%s\nwant\n%s", what, gt, wt)
	}
}

func normalJSON(t testing.TB, v any, without []string) any {
	t.Helper()
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	return pruneJSON(out, without)
}

func pruneJSON(v any, without []string) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if slices.Contains(without, k) {
				delete(v, k)
				continue
			}
			v[k] = pruneJSON(v[k], without)
			if tags, ok := v[k].([]any); ok && k == "tags" {
				// restic sorts them where it groups by them
				slices.SortFunc(tags, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			}
		}
	case []any:
		for i := range v {
			v[i] = pruneJSON(v[i], without)
		}
	}
	return v
}

// objects lists the files of a kind in a local repository.
func objects(t testing.TB, loc Location, kind string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(loc.String(), kind), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// damage changes a file of a local repository, which is read-only.
func damage(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if raw = change(raw); raw == nil {
		return
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove([]byte) []byte { return nil }

func cut(raw []byte) []byte { return raw[:len(raw)/2] }

func flip(raw []byte) []byte {
	raw = slices.Clone(raw)
	raw[len(raw)/3] ^= 0x40
	return raw
}

// copyRepository copies a local repository without the directories for packs that are
// empty, some 250 of 256: restic makes them anew when it needs one.
func copyRepository(t testing.TB, loc Location) Location {
	t.Helper()
	from, to := loc.String(), filepath.Join(t.TempDir(), "copy")
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			if filepath.Base(filepath.Dir(path)) == "data" {
				return nil // comes with its first file
			}
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, content, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
	return Local(to)
}

// openAgain opens a repository once more, with an empty cache.
func openAgain(t testing.TB, loc Location, opts ...Option) *Session {
	t.Helper()
	s, err := Open(t.Context(), loc, testPassword, append([]Option{WithCacheDir(t.TempDir())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func shortIDs(list []Snapshot) string {
	var out []string
	for _, sn := range list {
		out = append(out, fmt.Sprintf("%s@%s", sn.Hostname, sn.Time.UTC().Format("0102T15")))
	}
	return strings.Join(out, " ")
}
