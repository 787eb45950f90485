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
