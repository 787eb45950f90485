package rwm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

func TestRunLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rwm.lock")
	since := time.Now().Truncate(time.Second)
	first, err := takeRunLock(path, since)
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeRunLock(path, time.Now())
	var locked *RunLockedError
	if !errors.As(err, &locked) || !errors.Is(err, ErrRunLocked) {
		t.Fatalf("second run: error %v", err)
	}
	host, _ := os.Hostname()
	if locked.PID != os.Getpid() || locked.Host != host || !locked.Since.Equal(since) || locked.Path != path {
		t.Errorf("holder is told as %+v", locked)
	}
	first.release()
	again, err := takeRunLock(path, time.Now())
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	again.release()
}

func TestRunLockLeftovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rwm.lock")
	if err := os.WriteFile(path, []byte("4711 2020-01-01T00:00:00Z elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := takeRunLock(path, time.Now())
	if err != nil {
		t.Fatalf("a file without a lock on it stops the run: %v", err)
	}
	lock.release()
	if _, err := takeRunLock(filepath.Join(path, "impossible"), time.Now()); err == nil || errors.Is(err, ErrRunLocked) {
		t.Errorf("impossible path: error %v", err)
	}
}

// A user who can open the file can lock it: nobody else may, not even where an older
// version left it open to all.
func TestRunLockIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		harness.NotHere(t, "no permission bits")
	}
	for _, old := range []os.FileMode{0, 0o644, 0o666} {
		path := filepath.Join(t.TempDir(), "rwm.lock")
		if old != 0 {
			if err := os.WriteFile(path, nil, old); err != nil {
				t.Fatal(err)
			}
		}
		lock, err := takeRunLock(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		held, _ := os.Stat(path)
		lock.release()
		free, _ := os.Stat(path)
		if held.Mode().Perm() != 0o600 || free.Mode().Perm() != 0o600 {
			t.Errorf("from %v: mode %v while held, %v afterwards", old, held.Mode(), free.Mode())
		}
	}
}

// What is no regular file is refused, and never waited for.
func TestRunLockIsARegularFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.Symlink(target, link); err != nil {
		harness.NotHere(t, err.Error())
	}
	tests := map[string]string{dir: "a directory", link: "a symbolic link", os.DevNull: "a device"}
	if mkfifo, err := exec.LookPath("mkfifo"); err == nil && exec.Command(mkfifo, pipe).Run() == nil {
		tests[pipe] = "a named pipe"
	}
	for path, want := range tests {
		done := make(chan error, 1)
		go func() { _, err := takeRunLock(path, time.Now()); done <- err }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "lock_path") {
				t.Errorf("%s: error %v, want %q", path, err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: waits", path)
		}
	}
	if info, _ := os.Stat(target); info.Mode().Perm() != 0o644 {
		t.Errorf("the target of the link was changed to %v", info.Mode())
	}
}

// A lock_path that names some other file must not cost that file its content.
func TestRunLockSparesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	const text = "root:x:0:0:root:/root:/bin/bash\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takeRunLock(path, time.Now()); err == nil || errors.Is(err, ErrRunLocked) {
		t.Errorf("error %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != text {
		t.Errorf("the file is now %q", got)
	}
	if err := os.WriteFile(path, []byte("12345\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := takeRunLock(path, time.Now())
	if err != nil {
		t.Fatalf("a bare process id, as other programs write it: %v", err)
	}
	lock.release()
}

// Where others may write beside the lock file, they can put a link in its place while a
// run holds it. What that leads to is not touched.
func TestRunLockFollowsNoLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		harness.NotHere(t, "an open file cannot be replaced")
	}
	dir := t.TempDir()
	path, other := filepath.Join(dir, "rwm.lock"), filepath.Join(dir, "other")
	const content = "content of another file"
	if err := os.WriteFile(other, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, link := range []func(string, string) error{os.Symlink, os.Link} {
		lock, err := takeRunLock(path, time.Now())
		if err == nil {
			err = errors.Join(os.Remove(path), link(other, path))
		}
		if err != nil {
			t.Fatal(err)
		}
		lock.release()
		if got, err := os.ReadFile(other); err != nil || string(got) != content {
			t.Errorf("the other file holds %q, %v", got, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
