package restic

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/harness"
)

var errNoDelete = errors.New("deleting is not allowed now")

// A lock whose holder is known to have ended stays known as stale when its removal
// fails: the next session removes it. Shared, it is in no backup's way meanwhile.
func TestStaleLockThatCannotBeRemoved(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	for _, exclusive := range []bool{false, true} {
		s, m := initMemory(t)
		dir := writeTree(t, map[string]string{"a": "b"})
		lock := m.plantLock(t, s, &engrestic.Lock{Hostname: host, PID: os.Getpid(), Time: time.Now(), Exclusive: exclusive})
		holder := newAliveFiles(s.opts.aliveDir())
		holder.hold(lock)
		holder.close() // as the kernel does when a process ends

		refused := 0
		m.before(func(op string, h engbackend.Handle) error {
			if op == "remove" && h.Name == lock {
				refused++
				return errNoDelete
			}
			return nil
		})
		_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
		switch {
		case refused == 0:
			t.Errorf("exclusive %v: the removal was not tried", exclusive)
		case !exclusive && err != nil:
			t.Errorf("a shared stale lock stopped a backup: %v", err)
		case exclusive && !errors.Is(err, errNoDelete):
			t.Errorf("an exclusive lock that cannot be removed: %v", err)
		}
		if err := forgetNothing(t, s); !errors.Is(err, errNoDelete) {
			t.Errorf("exclusive %v: what needs the repository for itself: %v", exclusive, err)
		}

		m.before(nil)
		if err := forgetNothing(t, s); err != nil {
			t.Errorf("exclusive %v: once removing works again: %v", exclusive, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left := m.names(t, engbackend.LockFile); len(left) != 0 {
			t.Errorf("exclusive %v: locks left: %q", exclusive, left)
		}
		if _, err := os.Stat(filepath.Join(holder.dir, lock)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file of a lock that is gone: %v", err)
		}
	}
}
