package restic

import (
	"errors"
	"fmt"
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
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	for _, exclusive := range []bool{false, true} {
		t.Run(fmt.Sprint("exclusive ", exclusive), func(t *testing.T) {
			t.Parallel() // the engine waits a second before it says that a removal failed
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
				t.Error("the removal was not tried")
			case !exclusive && err != nil:
				t.Errorf("a shared stale lock stopped a backup: %v", err)
			case exclusive && !errors.Is(err, errNoDelete):
				t.Errorf("an exclusive lock that cannot be removed: %v", err)
			}
			if err := forgetNothing(t, s); !errors.Is(err, errNoDelete) {
				t.Errorf("what needs the repository for itself: %v", err)
			}

			m.before(nil)
			if err := forgetNothing(t, s); err != nil {
				t.Errorf("once removing works again: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if left := m.names(t, engbackend.LockFile); len(left) != 0 {
				t.Errorf("locks left: %q", left)
			}
			if _, err := os.Stat(filepath.Join(holder.dir, lock)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file of a lock that is gone: %v", err)
			}
		})
	}
}
