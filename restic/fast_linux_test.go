package restic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/restic/internal/unchanged"
)

// After any change between two backups, looking ahead makes the same snapshot as
// restic's archiver does alone, and as the restic command does.
func TestFastBackupAgrees(t *testing.T) {
	harness.NotShort(t)
	for i, seed := range seeds(t, 2, 30) {
		g := newGrove(t, seed, 2)
		all := lanes(t, i == 0)
		cwd := filepath.Dir(g.dir)
		t.Chdir(cwd)
		o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
		host := []string{"--host", "host"}
		agree(t, all, cwd, "first", o, host...)
		var hidden unchanged.Counts
		all[1].s.opts.ahead.hidden = func(c unchanged.Counts) { hidden = c }
		last := agree(t, all, cwd, "unchanged", o, host...)
		if sum := last.Snapshot.Summary; hidden.Files < sum.FilesUnmodified*9/10 || hidden.Files == 0 {
			t.Errorf("of %d unchanged files the engine was spared %d", sum.FilesUnmodified, hidden.Files)
		}
		for _, n := range []int{1, 3, 40} {
			g.change(n)
			agree(t, all, cwd, fmt.Sprintf("seed %d, %d changes", seed, n), o, host...)
		}
		g.change(5)
		ignore := o
		ignore.IgnoreInode = true
		agree(t, all, cwd, "ignoring inodes", ignore, append(host, "--ignore-inode")...)
		g.change(5)
		ignore = o
		ignore.IgnoreCtime = true
		agree(t, all, cwd, "ignoring ctimes", ignore, append(host, "--ignore-ctime")...)
		force := o
		force.Force = true
		agree(t, all, cwd, "forced", force, append(host, "--force")...)
		g.removeLinks() // reading one changes its access time
		atime := o
		atime.WithAtime = true
		agree(t, all, cwd, "with access times", atime, append(host, "--with-atime")...)
		agree(t, all, cwd, "without access times again", o, host...)
	}
}

// What is left out may change from one backup to the next.
func TestFastBackupSelects(t *testing.T) {
	g := newGrove(t, 3, 1)
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(g.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# x")
	write("cache/entry", "x")
	write("bad cache/CACHEDIR.TAG", "Signa")
	write("bad cache/entry", "x")
	write("off/.nobackup", "")
	write("off/sub/entry", "x")
	write("keep/a.tmp", "a")
	write("keep/b.TMP", "b")
	write("keep/sub/c", "c")
	all := lanes(t, true)
	cwd := filepath.Dir(g.dir)
	t.Chdir(cwd)
	host := []string{"--host", "host"}
	for _, tc := range []struct {
		args []string
		o    BackupOptions
	}{
		{nil, BackupOptions{}},
		{[]string{"--exclude", "*.tmp"}, BackupOptions{Excludes: []string{"*.tmp"}}},
		{[]string{"--iexclude", "*.tmp", "--exclude", "keep/sub"}, BackupOptions{IExcludes: []string{"*.tmp"}, Excludes: []string{"keep/sub"}}},
		{[]string{"--exclude", "*", "--exclude", "!keep"}, BackupOptions{Excludes: []string{"*", "!keep"}}},
		{[]string{"--exclude-caches"}, BackupOptions{ExcludeCaches: true}},
		{[]string{"--exclude-if-present", ".nobackup"}, BackupOptions{ExcludeIfPresent: []string{".nobackup"}}},
		{[]string{"--exclude-larger-than", "120"}, BackupOptions{ExcludeLargerThan: 120}},
		{[]string{"--one-file-system"}, BackupOptions{OneFileSystem: true}},
		{nil, BackupOptions{}},
	} {
		tc.o.Paths, tc.o.Host = []string{"grove"}, "host"
		agree(t, all, cwd, fmt.Sprint(tc.args), tc.o, append(host, tc.args...)...)
		agree(t, all[:3], cwd, fmt.Sprint(tc.args, " again"), tc.o)
	}
}

// Targets may be relative, above and below one another, or the root.
func TestFastBackupTargets(t *testing.T) {
	harness.NotShort(t)
	g := newGrove(t, 4, 1)
	for _, dir := range []string{"one/deep/er", "two", "one/other"} {
		sub := filepath.Join(g.dir, dir)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		g.grow(sub, 1)
	}
	t.Chdir(filepath.Join(g.dir, "one"))
	cwd := filepath.Join(g.dir, "one")
	all := lanes(t, true)
	for _, paths := range [][]string{
		{"."}, {"deep", "../two"}, {"deep/er", "deep", "other"}, {".", "deep/er", "../two"}, {"..", "../two"},
		{g.dir + "/two", "other", g.dir + "/one/deep/"}, {"../two/../two"}, {g.dir + "//one", g.dir + "/two"},
	} {
		o := BackupOptions{Paths: paths, Host: "host"}
		for range 2 {
			agree(t, all, cwd, fmt.Sprint(paths), o, "--host", "host")
			g.change(2)
			if _, err := os.Lstat(filepath.Join(cwd, "deep", "er")); err != nil {
				_ = os.MkdirAll(filepath.Join(cwd, "deep", "er"), 0o755)
			}
			for _, dir := range []string{"one/deep/er", "two", "one/other"} {
				_ = os.MkdirAll(filepath.Join(g.dir, dir), 0o755)
			}
		}
	}
}

// What cannot be read is reported and left out, and is backed up again when it
// can be read.
func TestFastBackupUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	g := newGrove(t, 5, 1)
	cwd := filepath.Dir(g.dir)
	t.Chdir(cwd)
	for path, mode := range map[string]os.FileMode{"open/file": 0o644, "shut/file": 0o644, "blind/file": 0o644, "secret": 0o644} {
		path = filepath.Join(g.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("text"), mode)); err != nil {
			t.Fatal(err)
		}
	}
	all := lanes(t, true)
	o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
	for _, modes := range []map[string]os.FileMode{
		{}, {"secret": 0, "shut": 0, "blind": 0o444}, {"open": 0o500}, {"secret": 0o600, "shut": 0o755}, {"blind": 0o111, "open": 0}, {"open": 0o700, "blind": 0o700},
	} {
		for path, mode := range modes {
			if err := os.Chmod(filepath.Join(g.dir, path), mode); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			agree(t, all, cwd, fmt.Sprint(modes), o, "--host", "host")
		}
	}
}

// Files that change during a backup end up in it in one state or another; the
// repository stays sound, and the next backup makes it up.
func TestFastBackupWhileFilesChange(t *testing.T) {
	harness.NotShort(t)
	for _, seed := range seeds(t, 1, 10) {
		g := newGrove(t, seed, 2)
		cwd := filepath.Dir(g.dir)
		t.Chdir(cwd)
		all := lanes(t, false)
		o := BackupOptions{Paths: []string{"grove"}, Host: "host"}
		agree(t, all, cwd, "first", o)
		for _, l := range all[1:] {
			var wg sync.WaitGroup
			stop := make(chan struct{})
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						g.change(1)
					}
				}
			})
			for range 4 {
				if _, err := l.s.Backup(t.Context(), o); err != nil && !errors.Is(err, ErrIncomplete) {
					t.Errorf("%s: %v", l.name, err)
				}
			}
			close(stop)
			wg.Wait()
			if res, err := l.s.Check(t.Context(), CheckOptions{}); err != nil || len(res.Findings) > 0 {
				t.Errorf("%s: %v %v", l.name, res, err)
			}
		}
		want := ID{}
		for _, l := range all {
			if got := l.backup(t, cwd, o, nil).Snapshot.Tree; want.IsZero() {
				want = got
			} else if got != want {
				t.Errorf("seed %d: %s made the tree %v, want %v", seed, l.name, got, want)
			}
		}
	}
}
