//go:build linux

package fusemount

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/restic"
)

// seen is everything a program can see of a file.
type seen struct {
	Mode, UID, GID      uint32
	Size, Links, Blocks int64
	Rdev                uint64
	Atime, Mtime, Ctime string
	Target, Content     string
	Xattrs              string
}

// look walks a directory and notes everything, below its root. Directories named in
// shape are only noted to be there.
func look(t *testing.T, root string, shape func(path string) bool) (all map[string]seen, inodes map[uint64][]string) {
	t.Helper()
	all, inodes = map[string]seen{}, map[uint64][]string{}
	err := filepath.WalkDir(root, func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("lstat %s: %w", path, err)
		}
		if d.IsDir() && shape(name) {
			all[name] = seen{Mode: st.Mode, UID: st.Uid, GID: st.Gid}
			return nil
		}
		stamp := func(ts unix.Timespec) string { return fmt.Sprintf("%d.%09d", ts.Sec, ts.Nsec) }
		v := seen{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, Links: int64(st.Nlink), Blocks: st.Blocks, Rdev: st.Rdev,
			Atime: stamp(st.Atim), Mtime: stamp(st.Mtim), Ctime: stamp(st.Ctim)}
		if d.Type() == iofs.ModeSymlink {
			if v.Target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		if d.Type().IsRegular() {
			if v.Content, err = hash(path); err != nil {
				return err
			}
		}
		if !d.IsDir() {
			inodes[st.Ino] = append(inodes[st.Ino], name)
		}
		v.Xattrs = xattrs(path)
		all[name] = v
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, inodes
}

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

func xattrs(path string) string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return err.Error()
	}
	var out []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		out = append(out, fmt.Sprintf("%s=%q %v", name, value[:max(n, 0)], err))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// resticMount mounts a local repository with restic's own command.
func resticMount(t *testing.T, cli *resticcli.CLI, r resticcli.Repo, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(cli.Path(), append([]string{"mount", dir, "--no-cache"}, args...)...)
	cmd.Env = r.Env()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	})
	for range 300 {
		if mountedOn(dir) != "" {
			if _, err := os.ReadDir(dir); err == nil {
				return dir
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("restic mount: %v\n%s", err, output.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("restic mount does not get ready\n%s", output.Bytes())
	return ""
}

func TestShowsWhatResticShows(t *testing.T) {
	needFUSE(t)
	cli := resticcli.Current(t)
	for _, version := range []uint{1, 2} {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			repo := filepath.Join(t.TempDir(), "repo")
			s, err := restic.Init(t.Context(), restic.Local(repo), password, restic.WithoutCache(), restic.WithRepositoryVersion(version))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			src := sampleDir(t)
			at := time.Date(2024, 5, 6, 7, 8, 9, 123, time.FixedZone("", 2*3600))
			backup(t, s, restic.BackupOptions{Paths: []string{src}, Host: "alpha", Time: at, Tags: []string{"a/b", "daily"}})
			if err := os.WriteFile(filepath.Join(src, "text"), []byte("changed"), 0o600); err != nil {
				t.Fatal(err)
			}
			backup(t, s, restic.BackupOptions{Paths: []string{src, src + "/deep"}, Host: "alpha", Time: at, Tags: []string{"one/two"}})
			backup(t, s, restic.BackupOptions{Paths: []string{src + "/small"}, Host: "beta", Time: at.Add(time.Hour)})

			for name, c := range map[string]struct {
				opts Options
				args []string
			}{
				"defaults": {},
				"filtered": {Options{Filter: restic.SnapshotFilter{Hosts: []string{"alpha"}, Tags: []restic.TagList{{"daily"}}}}, []string{"--host", "alpha", "--tag", "daily"}},
				"path":     {Options{Filter: restic.SnapshotFilter{Paths: []string{src + "/deep"}}}, []string{"--path", src + "/deep"}},
				"templates": {Options{PathTemplates: []string{"x/%u/%h/%I", "%t/y%%/%T", "by %T"}, TimeTemplate: "2006-01-02_15-04/05", OwnerRoot: true},
					[]string{"--path-template", "x/%u/%h/%I", "--path-template", "%t/y%%/%T", "--path-template", "by %T", "--time-template", "2006-01-02_15-04/05", "--owner-root"}},
				"open to all": {Options{AllowOther: true}, []string{"--allow-other"}},
				"no checks":   {Options{AllowOther: true, NoDefaultPermissions: true}, []string{"--allow-other", "--no-default-permissions"}},
			} {
				if version == 1 && name != "defaults" {
					continue // the same for both versions
				}
				t.Run(name, func(t *testing.T) {
					theirs := resticMount(t, cli, resticcli.Repo{URL: repo, Password: password}, c.args...)
					ours := mountRepo(t, s, c.opts).Dir()
					sameTrees(t, ours, theirs)
				})
			}
		})
	}
}

// sameTrees compares two mounts. Some differences are meant: directories above the
// snapshots have a time that makes sense; links of directories are counted; nothing has
// 0 links; device nodes have their number, and like links and pipes their extended
// attributes.
func sameTrees(t *testing.T, ours, theirs string) {
	t.Helper()
	known := map[string]bool{}
	snapshotBelow := func(root string) func(string) bool {
		return func(path string) bool {
			// above the snapshots: everything has the mode 0555 and is owned by this
			// process, and nothing above is a snapshot
			return !belowSnapshot(root, path)
		}
	}
	a, inodesA := look(t, ours, snapshotBelow(ours))
	b, inodesB := look(t, theirs, snapshotBelow(theirs))
	for name := range b {
		known[name] = true
		va, vb := a[name], b[name]
		if _, ok := a[name]; !ok {
			t.Errorf("%q is missing", name)
			continue
		}
		vb.Links = max(vb.Links, 1)
		if va.Mode&unix.S_IFMT == unix.S_IFDIR {
			va.Links, vb.Links = 0, 0
		}
		if vb.Xattrs == unix.EOPNOTSUPP.Error() {
			va.Xattrs, vb.Xattrs = "", ""
		}
		if m := va.Mode & unix.S_IFMT; m == unix.S_IFCHR || m == unix.S_IFBLK {
			if want := map[string]uint64{"null": unix.Mkdev(1, 3), "disk": unix.Mkdev(259, 70_000)}[filepath.Base(name)]; va.Rdev != want {
				t.Errorf("%q has the device number %#x, not %#x", name, va.Rdev, want)
			}
			va.Rdev, vb.Rdev = 0, 0
		}
		if va != vb {
			t.Errorf("%q:\nours   %+v\nrestic %+v", name, va, vb)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !known[name] {
			t.Errorf("%q is too much", name)
		}
	}
	// names that restic shows as links of one file within a snapshot are so here
	for _, names := range inodesB {
		if len(names) < 2 {
			continue
		}
		for ino, mine := range inodesA {
			if slices.Contains(mine, names[0]) {
				for _, other := range names {
					sameSnapshot := strings.Split(other, "/")[1] == strings.Split(names[0], "/")[1]
					if sameSnapshot && b[other].Content == b[names[0]].Content && !slices.Contains(mine, other) {
						t.Errorf("%q and %q are one file, but not inode %d here", names[0], other, ino)
					}
				}
			}
		}
	}
	if len(b) < 5 {
		t.Errorf("only %d files compared", len(b))
	}
}

// belowSnapshot reports whether a path lies in a snapshot or is one: there is a step
// that looks like the root of a backup.
func belowSnapshot(root, path string) bool {
	for p := path; ; p = filepath.Dir(p) {
		if entries, err := os.ReadDir(filepath.Join(root, p)); err == nil && p != "." {
			for _, e := range entries {
				if e.Name() == "tmp" || e.Name() == "small" || e.Name() == "source" || e.Name() == "deep" {
					return true
				}
			}
		}
		if p == "." {
			return false
		}
	}
}
