package restic

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
)

// sleeper starts a process that does nothing, and dies of any signal.
func sleeper(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		harness.NotHere(t, err.Error())
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// forgetNothing needs an exclusive lock and changes nothing.
func forgetNothing(t testing.TB, s *Session) error {
	_, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 100}})
	return err
}

// The engine finds out with a SIGHUP whether the process of a lock lives, which would
// end it.
func TestLockOfALivingProcess(t *testing.T) {
	s, m := initMemory(t)
	host, err := os.Hostname()
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	other := sleeper(t)
	taken := time.Now()
	name := m.plantLock(t, s, &engrestic.Lock{Time: taken, Hostname: host, Username: "somebody", PID: other.Process.Pid})

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

	// Once the process is gone its lock looks abandoned, and unlock removes it. Nothing
	// else does: the number of a process says nothing where two containers share a host
	// name.
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
	if left := m.names(t, engbackend.LockFile); len(left) > 0 {
		t.Error("locks left:", left)
	}
}

// Only what is certain is removed without being asked: age, and a process of this host
// that held the lock's file and let go of it.
func TestStaleLocks(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		harness.NotHere(t, err.Error())
	}
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	tests := map[string]struct {
		lock    *engrestic.Lock
		file    string // of the process that took it: "held", "free" or none
		removed bool
	}{
		"other host, 29 minutes":   {lock: &engrestic.Lock{Hostname: "elsewhere", PID: 1, Time: ago(29 * time.Minute)}},
		"other host, 31 minutes":   {lock: &engrestic.Lock{Hostname: "elsewhere", PID: 1, Time: ago(31 * time.Minute)}, removed: true},
		"this host, living":        {lock: &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now()}, file: "held"},
		"this host, ended":         {lock: &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now()}, file: "free", removed: true},
		"this host, 31 minutes":    {lock: &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: ago(31 * time.Minute)}, removed: true},
		"this host, suspended":     {lock: &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: ago(31 * time.Minute)}, file: "held"},
		"same name, other process": {lock: &engrestic.Lock{Hostname: host, PID: gone.Process.Pid, Time: time.Now()}},
		"same name, number reused": {lock: &engrestic.Lock{Hostname: host, PID: 1, Time: ago(20 * time.Minute)}},
	}
	for name, test := range tests {
		for _, exclusive := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s, m := initMemory(t)
				test.lock.Exclusive = exclusive
				lock := m.plantLock(t, s, test.lock)
				if test.file != "" {
					holder := newAliveFiles(s.opts.aliveDir())
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
				if left := len(m.names(t, engbackend.LockFile)); (left == 0) != test.removed {
					t.Errorf("%d locks left", left)
				}
			})
		}
	}
}

// The lock is removed while files are read, as unlock --remove-all does: no
// snapshot is made, for a prune may have taken away what it counts on.
func TestRemovedLockStopsABackup(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "b"})
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.PackFile {
			for _, name := range m.names(t, engbackend.LockFile) {
				if err := m.Backend.Remove(t.Context(), engbackend.Handle{Type: engbackend.LockFile, Name: name}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); !errors.Is(err, ErrLockLost) {
		t.Fatal(err)
	}
	if n := len(m.names(t, engbackend.SnapshotFile)); n != 0 {
		t.Errorf("%d snapshots", n)
	}
}

func TestRetryLock(t *testing.T) {
	s, m := initMemory(t, WithRetryLock(30*time.Second))
	name := m.plantLock(t, s, &engrestic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1, Exclusive: true})
	asked := 0
	m.before(func(op string, h engbackend.Handle) error {
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

// The lock is kept from one operation to the next, given back for an exclusive one, and
// gone after Close.
func TestOneLockPerSession(t *testing.T) {
	s, m := initMemory(t)
	taken := 0
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.LockFile {
			taken++
		}
		return nil
	})
	want := func(locks, total int) {
		t.Helper()
		if n := len(m.names(t, engbackend.LockFile)); n != locks || taken != total {
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

// A lost lock stops the operation before it can do harm, and the next one takes
// another.
func TestLockLost(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1)})
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.PackFile {
			s.lock.cancel() // as when the engine could not refresh it
		}
		return nil
	})
	_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
	if !errors.Is(err, ErrLockLost) || ExitCode(err) == 130 {
		t.Fatal(err)
	}
	if n := len(m.names(t, engbackend.SnapshotFile)); n != 0 {
		t.Error("a snapshot was made without a lock")
	}
	m.before(nil)
	mustBackup(t, s, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}

// A clock that the caller injects judges no locks, whichever way it is wrong.
func TestInjectedClockJudgesNoLocks(t *testing.T) {
	for _, ahead := range []time.Duration{48 * time.Hour, -48 * time.Hour} {
		for age, removed := range map[time.Duration]bool{0: false, 31 * time.Minute: true} {
			s, m := initMemory(t, WithClock(func() time.Time { return time.Now().Add(ahead) }))
			name := m.plantLock(t, s, &engrestic.Lock{Hostname: "elsewhere", PID: 1, Time: time.Now().Add(-age)})
			locks, err := s.Locks(t.Context())
			if err != nil || len(locks) != 1 || locks[0].Stale != removed {
				t.Errorf("ahead %v, age %v: %+v %v", ahead, age, locks, err)
			}
			err = forgetNothing(t, s)
			if errors.Is(err, ErrLocked) == removed {
				t.Errorf("ahead %v, age %v: %v", ahead, age, err)
			}
			if left := slices.Contains(m.names(t, engbackend.LockFile), name); left == removed {
				t.Errorf("ahead %v, age %v: lock left: %v", ahead, age, left)
			}
		}
	}
}

// A stale lock that could not be removed is still known as stale, and one that is
// shared does not keep a backup away.
func TestStaleLockThatStays(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	s, m := initMemory(t, WithRetryFor(0))
	lock := m.plantLock(t, s, &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now()})
	holder := newAliveFiles(s.opts.aliveDir())
	holder.hold(lock)
	t.Cleanup(func() { holder.release(lock) })
	holder.close()
	refuse := true
	m.before(func(op string, h engbackend.Handle) error {
		if refuse && op == "remove" && h.Name == lock {
			return errors.New("not now")
		}
		return nil
	})
	if err := forgetNothing(t, s); err == nil {
		t.Error("went on though the lock is in the way")
	}
	mustBackup(t, s, t.TempDir())
	refuse = false
	if err := forgetNothing(t, s); err != nil {
		t.Error(err)
	}
	if slices.Contains(m.names(t, engbackend.LockFile), lock) {
		t.Error("the lock is left")
	}
}

// Names in a lock are an attacker's choice.
func TestLockWithLongNames(t *testing.T) {
	s, m := initMemory(t)
	long := strings.Repeat("ž", 100_000)
	m.plantLock(t, s, &engrestic.Lock{Hostname: long, Username: long, PID: -1, Time: time.Now().Add(time.Hour), Exclusive: true})
	var locked *LockedError
	if err := forgetNothing(t, s); !errors.As(err, &locked) || len(locked.Host) > 300 || len(locked.User) > 300 || len(err.Error()) > 2000 {
		t.Errorf("%.200v", err)
	}
}
