package restic

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program that names its directories, or wants no cache, finds nothing of ours in the
// user's: neither caches nor what shows that locks are held.
func TestNothingIsWrittenOutsideTheGivenDirectories(t *testing.T) {
	for name, test := range map[string]struct {
		opts  func(dir string) []Option
		locks string // where the lock is shown to be held
	}{
		"user's":        {func(string) []Option { return nil }, "home"},
		"no cache":      {func(string) []Option { return []Option{WithoutCache()} }, ""},
		"cache dir":     {func(dir string) []Option { return []Option{WithCacheDir(dir)} }, "given"},
		"lock dir only": {func(dir string) []Option { return []Option{WithoutCache(), WithLockDir(filepath.Join(dir, "locks"))} }, "given"},
	} {
		t.Run(name, func(t *testing.T) {
			home, given := t.TempDir(), t.TempDir()
			for _, variable := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "TMPDIR"} {
				t.Setenv(variable, home)
			}
			m := newMemory()
			s, err := Init(t.Context(), m, testPassword, append(test.opts(given), WithRetryFor(0))...)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // looked at below
			mustBackup(t, s, writeTree(t, map[string]string{"a": "b"}))
			found := ""
			for where, dir := range map[string]string{"home": home, "given": given} {
				for _, path := range filesBelow(t, dir) {
					if strings.Contains(path, "locks") {
						found += where
					}
					if where == "home" && test.locks != "home" {
						t.Errorf("written into the user's directory: %s", path)
					}
				}
			}
			if found != test.locks {
				t.Errorf("locks are shown to be held in %q, want %q", found, test.locks)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func filesBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, err := filepath.Rel(dir, path)
			paths = append(paths, rel)
			return err
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
