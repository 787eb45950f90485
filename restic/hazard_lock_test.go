package restic

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/restic"
)

// sleeper starts a process that does nothing, and dies of any signal.
func sleeper(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// forgetNothing needs an exclusive lock and changes nothing.
func forgetNothing(t testing.TB, s *Session) error {
	_, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 100}})
	return err
}

// Hazard 5: the engine finds out with a SIGHUP whether the process of a lock lives, which would end it.
func TestLockOfALivingProcess(t *testing.T) {
	s, m := initMemory(t)
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	other := sleeper(t)
	taken := time.Now()
	name := m.plantLock(t, s, &restic.Lock{Time: taken, Hostname: host, Username: "somebody", PID: other.Process.Pid})

	var locked *LockedError
	if err := forgetNothing(t, s); !errors.As(err, &locked) || !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if locked.PID != other.Process.Pid || locked.Host != host || locked.User != "somebody" || !locked.Since.Equal(taken) || locked.Exclusive || locked.Stale || locked.Name != name {
		t.Errorf("%+v", locked)
	}
	if ExitCode(locked) != 11 {
		t.Error(ExitCode(locked))
	}
	time.Sleep(100 * time.Millisecond)
	if !processExists(other.Process.Pid) || processDead(other.Process.Pid) {
		t.Fatal("the other process was killed")
	}
	// a shared lock is not in the way of a backup
	mustBackup(t, s, t.TempDir())

	// Once the process is gone its lock looks abandoned, and unlock removes it. Nothing else does: the number of a process says nothing
	// where two containers share a host name.
	_ = other.Process.Kill()
	if runtime.GOOS != "linux" {
		_ = other.Wait() // elsewhere a process that waits for its parent counts as living
	}
	time.Sleep(100 * time.Millisecond)
	if err := forgetNothing(t, s); !errors.As(err, &locked) || !locked.Stale {
		t.Fatal(err)
	}
	if res, err := s.Unlock(t.Context(), UnlockOptions{}); err != nil || len(res.Removed) != 1 {
		t.Fatal(res, err)
	}
	if left := m.names(t, backend.LockFile); len(left) > 0 {
		t.Error("locks left:", left)
	}
}

// Only what is certain is removed without being asked: age, and a process of this host that held the lock's file and let go of it.
func TestStaleLocks(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skip(err)
	}
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	tests := map[string]struct {
		lock    *restic.Lock
		file    string // of the process that took it: "held", "free" or none
		removed bool
	}{
		"other host, 29 minutes":   {lock: &restic.Lock{Hostname: "elsewhere", PID: 1, Time: ago(29 * time.Minute)}},
		"other host, 31 minutes":   {lock: &restic.Lock{Hostname: "elsewhere", PID: 1, Time: ago(31 * time.Minute)}, removed: true},
		"this host, living":        {lock: &restic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now()}, file: "held"},
		"this host, ended":         {lock: &restic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now()}, file: "free", removed: true},
		"this host, 31 minutes":    {lock: &restic.Lock{Hostname: host, PID: os.Getpid(), Time: ago(31 * time.Minute)}, removed: true},
		"same name, other process": {lock: &restic.Lock{Hostname: host, PID: gone.Process.Pid, Time: time.Now()}},
		"same name, number reused": {lock: &restic.Lock{Hostname: host, PID: 1, Time: ago(20 * time.Minute)}},
	}
	for name, test := range tests {
		for _, exclusive := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s, m := initMemory(t)
				test.lock.Exclusive = exclusive
				lock := m.plantLock(t, s, test.lock)
				if test.file != "" {
					holder := newAliveFiles()
					holder.hold(lock)
					t.Cleanup(func() { holder.release(lock) })
					if test.file == "free" {
						holder.close() // as the kernel does when a process ends
					}
				}
				err := forgetNothing(t, s)
				if locked := errors.Is(err, ErrLocked); locked == test.removed {
					t.Errorf("exclusive %v: %v", exclusive, err)
				}
				if left := len(m.names(t, backend.LockFile)); (left == 0) != test.removed {
					t.Errorf("%d locks left", left)
				}
			})
		}
	}
}

// Somebody removes the lock while files are read, as unlock --remove-all does: no snapshot is made, for a prune may have taken away what it
// counts on.
func TestRemovedLockStopsABackup(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "b"})
	m.before(func(op string, h backend.Handle) error {
		if op == "save" && h.Type == backend.PackFile {
			for _, name := range m.names(t, backend.LockFile) {
				if err := m.Backend.Remove(t.Context(), backend.Handle{Type: backend.LockFile, Name: name}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); !errors.Is(err, ErrLockLost) {
		t.Fatal(err)
	}
	if n := len(m.names(t, backend.SnapshotFile)); n != 0 {
		t.Errorf("%d snapshots", n)
	}
}

func TestRetryLock(t *testing.T) {
	s, m := initMemory(t, WithRetryLock(30*time.Second))
	name := m.plantLock(t, s, &restic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1, Exclusive: true})
	asked := 0
	m.before(func(op string, h backend.Handle) error {
		if op == "load" && h.Name == name {
			if asked++; asked == 2 {
				return m.Backend.Remove(t.Context(), h)
			}
		}
		return nil
	})
	mustBackup(t, s, t.TempDir())
	if asked < 2 {
		t.Error("the lock was not waited for")
	}
}

// The lock is kept from one operation to the next, given back for an exclusive one, and gone after Close.
func TestOneLockPerSession(t *testing.T) {
	s, m := initMemory(t)
	taken := 0
	m.before(func(op string, h backend.Handle) error {
		if op == "save" && h.Type == backend.LockFile {
			taken++
		}
		return nil
	})
	want := func(locks, total int) {
		t.Helper()
		if n := len(m.names(t, backend.LockFile)); n != locks || taken != total {
			t.Errorf("%d locks now, %d taken; expected %d and %d", n, taken, locks, total)
		}
	}
	want(0, 0)
	for range 3 {
		mustBackup(t, s, t.TempDir())
	}
	want(1, 1)
	if err := forgetNothing(t, s); err != nil {
		t.Fatal(err)
	}
	want(0, 2)
	mustBackup(t, s, t.TempDir())
	want(1, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(0, 3)
}

// A lost lock stops the operation before it can do harm, and the next one takes another.
func TestLockLost(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1)})
	m.before(func(op string, h backend.Handle) error {
		if op == "save" && h.Type == backend.PackFile {
			s.lock.cancel() // as when the engine could not refresh it
		}
		return nil
	})
	_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
	if !errors.Is(err, ErrLockLost) || ExitCode(err) == 130 {
		t.Fatal(err)
	}
	if n := len(m.names(t, backend.SnapshotFile)); n != 0 {
		t.Error("a snapshot was made without a lock")
	}
	m.before(nil)
	mustBackup(t, s, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}
