//go:build linux

package fusemount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/blobfake"
	"github.com/cesnet/rwm/restic"
)

func TestNewSnapshotsAppear(t *testing.T) {
	s := newRepo(t)
	src := t.TempDir()
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(src, "file"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	f := mountRepo(t, s, Options{RefreshInterval: 10 * time.Millisecond})
	if names, err := os.ReadDir(filepath.Join(f.Dir(), "snapshots")); err != nil || len(names) != 0 {
		t.Errorf("an empty repository shows %v, %v", names, err)
	}
	for i, text := range []string{"first", "second", "the third"} {
		write(text)
		sn := backup(t, s, restic.BackupOptions{Paths: []string{src}, Host: "h", Time: at.AddDate(0, 0, i)})
		deadline := time.Now().Add(20 * time.Second)
		for { // the kernel keeps each of the two links for a while of its own
			got, err := os.ReadFile(filepath.Join(f.Dir(), "hosts/h/latest", src, "file"))
			target, linkErr := os.Readlink(filepath.Join(f.Dir(), "snapshots/latest"))
			if err == nil && string(got) == text && linkErr == nil && target == sn.Time.Format(time.RFC3339) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("latest shows %q, %v; not %q; it points to %q, %v", got, err, text, target, linkErr)
			}
			time.Sleep(100 * time.Millisecond)
		}
		names, err := os.ReadDir(filepath.Join(f.Dir(), "ids"))
		if err != nil || len(names) != i+1 {
			t.Errorf("%v, %v", names, err)
		}
	}
	for name, text := range map[string]string{"2024-01-01T00:00:00Z": "first", "2024-01-02T00:00:00Z": "second", "2024-01-03T00:00:00Z": "the third"} {
		if got, err := os.ReadFile(filepath.Join(f.Dir(), "snapshots", name, src, "file")); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	f := mountRepo(t, newRepo(t), Options{})
	if err := os.Mkdir(filepath.Join(f.Dir(), "x"), 0o755); !errors.Is(err, syscall.EROFS) {
		t.Errorf("mkdir: %v", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(f.Dir(), &st); err != nil || st.Flags&unix.ST_RDONLY == 0 || st.Namelen != 255 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestRefusals(t *testing.T) {
	needFUSE(t)
	repo := filepath.Join(t.TempDir(), "parent", "repo")
	if err := os.MkdirAll(filepath.Dir(repo), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := restic.Init(t.Context(), restic.Local(repo), password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	full, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(filepath.Join(full, "something"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(repo, link); err != nil {
		t.Fatal(err)
	}
	live := mountRepo(t, s, Options{})
	for name, c := range map[string]struct{ dir, says string }{
		"missing":         {filepath.Join(full, "missing"), "no such file"},
		"not empty":       {full, "not empty"},
		"a file":          {file, "not a directory"},
		"the repository":  {repo, "hide the repository"},
		"a link to it":    {link, "hide the repository"},
		"inside of it":    {filepath.Join(repo, "data"), "hide the repository"},
		"around it":       {filepath.Dir(repo), "hide the repository"},
		"mounted already": {live.Dir(), "fuse.rwm is mounted on it"},
	} {
		t.Run(name, func(t *testing.T) {
			before := mountedOn(c.dir)
			f, err := Mount(t.Context(), s, c.dir, Options{})
			if err == nil {
				f.Close()
				t.Fatal("it was mounted")
			}
			if !errors.Is(err, ErrMountpoint) || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
			if mountedOn(c.dir) != before {
				t.Error("something was mounted")
			}
		})
	}
	for name, o := range map[string]Options{
		"cache too small": {CacheSize: 1000},
		"time template":   {TimeTemplate: "/2006"},
		"path template":   {PathTemplates: []string{""}},
		"negative":        {ReadTimeout: -1},
	} {
		if f, err := Mount(t.Context(), s, t.TempDir(), o); err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNeverReady(t *testing.T) {
	needFUSE(t)
	s := newRepo(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f, err := Mount(t.Context(), s, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Ready(t.Context()); !errors.Is(err, restic.ErrClosed) {
		t.Errorf("ready: %v", err)
	}
	if _, err := f.Wait(); !errors.Is(err, restic.ErrClosed) {
		t.Errorf("wait: %v", err)
	}
	if mountedOn(dir) != "" {
		t.Error("still mounted")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestContextUnmounts(t *testing.T) {
	needFUSE(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	f, err := Mount(ctx, newRepo(t), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	if r, err := f.Wait(); err != nil || r.Lazy {
		t.Errorf("%+v, %v", r, err)
	}
	if mountedOn(dir) != "" {
		t.Error("still mounted")
	}
	if _, err := Mount(ctx, newRepo(t), dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a mount that began after its context had ended: %v", err)
	}
}

func TestSomebodyElseUnmounts(t *testing.T) {
	f := mountRepo(t, newRepo(t), Options{})
	if err := unix.Unmount(f.Dir(), 0); err != nil {
		harness.NotHere(t, err.Error())
	}
	if r, err := f.Wait(); err != nil || r.Lazy {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := f.Unmount(); err != nil {
		t.Error(err)
	}
}

func TestBusyUnmount(t *testing.T) {
	s := newRepo(t)
	src := t.TempDir()
	content := random(5, 9<<20)
	if err := os.WriteFile(filepath.Join(src, "file"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	sn := backup(t, s, restic.BackupOptions{Paths: []string{src}})
	var log blobfake.Log
	f := mountRepo(t, s, Options{Logger: log.Logger()})
	dir := f.Dir()

	// a shell goes into the directory by itself: the child of a fork would deadlock
	// with this process
	sleep := exec.Command("sh", "-c", `cd "$0" && echo in && exec sleep 1000`, filepath.Join(dir, "ids"))
	out, err := sleep.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(filepath.Join(dir, "ids", sn.ID.Short(), src, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()

	r, err := f.Unmount()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, h := range r.Holders {
		found = found || h.PID == sleep.Process.Pid && strings.HasPrefix(h.Path, dir)
	}
	if !r.Lazy || !found || !strings.Contains(r.String(), fmt.Sprint(sleep.Process.Pid)) {
		t.Errorf("%v does not name process %d", r, sleep.Process.Pid)
	}
	if mountedOn(dir) != "" {
		t.Error("the directory is not free")
	}
	if w, err := f.Wait(); err != nil || !w.Lazy {
		t.Errorf("%+v, %v", w, err)
	}
	// what was open goes on
	got := make([]byte, 4<<20)
	if _, err := open.ReadAt(got, 0); err != nil || !bytes.Equal(got, content[:len(got)]) {
		t.Errorf("reading on: %v", err)
	}
	// the directory can be used at once
	again, err := Mount(t.Context(), s, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	// until the end
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if n, err := open.ReadAt(got, int64(len(content)-1000)); err == nil && !bytes.Equal(got[:n], content[len(content)-1000:]) {
		t.Errorf("wrong bytes after the end")
	}
}

func TestRemountAfterKill(t *testing.T) {
	needFUSE(t)
	repo := filepath.Join(t.TempDir(), "repo")
	s, err := restic.Init(t.Context(), restic.Local(repo), password, restic.WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	dir := filepath.Join(t.TempDir(), "mount point") // mountinfo escapes the space
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	for range 2 { // stacked, as by two kills
		cmd := child(t, "mount", repo, dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 1000)
		n, _ := out.Read(line)
		if got := string(line[:n]); got != "ready\n" {
			_ = cmd.Process.Kill()
			t.Fatalf("child: %s", got)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if mountedOn(dir) == "" || !dead(dir) {
			t.Fatal("the kill left no stale mount: nothing to test")
		}
	}
	f, err := Mount(t.Context(), s, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.ReadDir(filepath.Join(dir, "ids")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if what := mountedOn(dir); what != "" {
		t.Errorf("%s is left", what)
	}
}

func TestMountinfo(t *testing.T) {
	info := `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:26 / /mnt/a\040b\134c ro - fuse.rwm restic:abc ro
31 22 0:27 / /mnt/x ro shared:2 master:3 - fuse.rwm restic:abc ro
32 31 0:28 / /mnt/x rw - tmpfs tmpfs rw
broken line
`
	for dir, want := range map[string]string{"/": "ext4", "/mnt/a b\\c": "fuse.rwm", "/mnt/x": "tmpfs", "/mnt": ""} {
		if got := lastMount(strings.NewReader(info), dir); got != want {
			t.Errorf("%s: %q, not %q", dir, got, want)
		}
	}
}
