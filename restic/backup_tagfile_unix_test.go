//go:build unix

package restic

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A user of the host makes a named pipe of a tag file, or a link to one, and keeps it
// open: the backup neither waits for it nor leaves out what is beside it.
func TestTagFilesThatAreNoFiles(t *testing.T) {
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{"a/content": "x", "b/content": "x", "c/content": "x"})
	pipe := filepath.Join(dir, "a", "CACHEDIR.TAG")
	for _, path := range []string{pipe, filepath.Join(dir, "c", ".mark")} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Symlink(pipe, filepath.Join(dir, "b", "CACHEDIR.TAG")); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, ExcludeCaches: true, ExcludeIfPresent: []string{".mark:head"}})
	if err != nil {
		t.Fatal(err)
	}
	got := stored(t, s, res.SnapshotID, dir)
	for _, name := range []string{"a/content", "b/content", "c/content"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing in %s", name, strings.Join(got, " "))
		}
	}
}
