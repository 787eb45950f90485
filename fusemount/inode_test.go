//go:build linux

package fusemount

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/restic"
)

// TestInodes: the numbers are the same in another mount; equal files of several
// snapshots share one, so that what was read of one need not be read of the other;
// any other has another, hard links of one number on the source's disk above
// all.
func TestInodes(t *testing.T) {
	s := newRepo(t)
	src := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("same", "same")
	write("hard", "one")
	write("changed", "before")
	if err := os.Link(filepath.Join(src, "hard"), filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(src, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	first := backup(t, s, restic.BackupOptions{Paths: []string{src}})
	time.Sleep(10 * time.Millisecond)
	write("hard", "two") // the same inode on disk, the same length
	write("changed", "after")
	second := backup(t, s, restic.BackupOptions{Paths: []string{src}})

	inodes := func(f *FileSystem) map[string]uint64 {
		all := map[string]uint64{}
		for which, sn := range map[string]restic.Snapshot{"1/": first, "2/": second} {
			for _, name := range []string{"same", "hard", "link", "changed", "dir", "."} {
				var st unix.Stat_t
				if err := unix.Lstat(filepath.Join(f.Dir(), "ids", sn.ID.Short(), src, name), &st); err != nil {
					t.Fatal(err)
				}
				all[which+name] = st.Ino
			}
		}
		return all
	}
	f := mountRepo(t, s, Options{})
	a, b := inodes(f), inodes(mountRepo(t, s, Options{}))
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s is %d in one mount and %d in another", name, a[name], b[name])
		}
	}
	for _, pair := range [][2]string{{"1/same", "2/same"}, {"1/hard", "1/link"}, {"2/hard", "2/link"}} {
		if a[pair[0]] != a[pair[1]] {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"1/hard", "2/hard"}, {"1/changed", "2/changed"}, {"1/dir", "2/dir"}, {"1/.", "2/."}} {
		if a[pair[0]] == a[pair[1]] {
			t.Errorf("%s and %s are one", pair[0], pair[1])
		}
	}
	for sn, text := range map[string]string{first.ID.Short(): "one", second.ID.Short(): "two"} {
		for _, name := range []string{"hard", "link"} {
			if got, err := os.ReadFile(filepath.Join(f.Dir(), "ids", sn, src, name)); err != nil || string(got) != text {
				t.Errorf("%s in %s: %q, %v", name, sn, got, err)
			}
		}
	}
}
