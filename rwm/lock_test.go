package rwm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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
