package restic

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/retry"
)

// lockWriteTime bounds how long writing or removing a lock goes on after the operation was cancelled.
const lockWriteTime = 30 * time.Second

// tracker remembers the locks that were written and not removed, so that none is left behind, and which index files the last listing showed.
type tracker struct {
	backend.Backend

	mu      sync.Mutex
	locks   map[string]bool
	indexes map[string]bool

	retries *broadcast
	alive   *aliveFiles

	postponed atomic.Pointer[postponement] // collects removals, while there is one
}

func newTracker(be backend.Backend, retries *broadcast) *tracker {
	return &tracker{Backend: be, locks: map[string]bool{}, indexes: map[string]bool{}, retries: retries, alive: newAliveFiles()}
}

// listen passes Retrying events to em until the returned function is called.
func (t *tracker) listen(em *emitter) (stop func()) { return t.retries.add(em) }

// Save finishes writing a lock even when ctx is cancelled meanwhile: the request could reach the storage anyway, and the engine
// does not remove a lock it believes was never written.
func (t *tracker) Save(ctx context.Context, h backend.Handle, rd backend.RewindReader) error {
	if h.Type == backend.LockFile || h.Type == backend.SnapshotFile {
		if err := t.lockGone(ctx); err != nil {
			return err
		}
	}
	if h.Type != backend.LockFile {
		err := t.Backend.Save(ctx, h, rd)
		if err == nil && h.Type == backend.IndexFile {
			t.note(&t.indexes, h.Name, true)
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.alive.hold(h.Name)
	t.note(&t.locks, h.Name, true)
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockWriteTime)
	defer cancel()
	return t.Backend.Save(detached, h, rd)
}

func (t *tracker) Remove(ctx context.Context, h backend.Handle) error {
	if p := t.postponed.Load(); p != nil && p.take(h) {
		return nil
	}
	err := t.Backend.Remove(ctx, h)
	if err == nil {
		switch h.Type {
		case backend.LockFile:
			t.note(&t.locks, h.Name, false)
			t.alive.release(h.Name)
		case backend.IndexFile:
			t.note(&t.indexes, h.Name, false)
		}
	}
	return err
}

func (t *tracker) List(ctx context.Context, ft backend.FileType, fn func(backend.FileInfo) error) error {
	if ft != backend.IndexFile {
		return t.Backend.List(ctx, ft, fn)
	}
	seen := map[string]bool{}
	err := t.Backend.List(ctx, ft, func(fi backend.FileInfo) error {
		seen[fi.Name] = true
		return fn(fi)
	})
	if err == nil {
		t.mu.Lock()
		t.indexes = seen
		t.mu.Unlock()
	}
	return err
}

func (t *tracker) Unwrap() backend.Backend { return t.Backend }

// Close ends the use of the storage. Locks that could not be removed are left to whoever finds their holder gone.
func (t *tracker) Close() error {
	t.alive.close()
	return t.Backend.Close()
}

// note changes one of the tracker's sets; List replaces them, so the field is read under the lock.
func (t *tracker) note(set *map[string]bool, name string, there bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if there {
		(*set)[name] = true
	} else {
		delete(*set, name)
	}
}

// ownLock reports whether this session wrote the lock.
func (t *tracker) ownLock(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.locks[name]
}

// leftLocks returns the locks written and not removed.
func (t *tracker) leftLocks() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for name := range t.locks {
		names = append(names, name)
	}
	return names
}

// lockGone returns ErrLockLost if somebody has removed the session's lock. The engine does not look: it would write the next lock in its
// place and go on, though a prune may have taken away meanwhile what a backup counts on. So no lock is refreshed and no snapshot
// saved before a look.
func (t *tracker) lockGone(ctx context.Context) error {
	gone := ""
	for _, name := range t.leftLocks() {
		_, err := t.Backend.Stat(ctx, backend.Handle{Type: backend.LockFile, Name: name})
		switch {
		case err == nil:
			return nil // another one may be gone: its removal was answered by a broken connection
		case t.IsNotExist(err):
			gone = name
		default:
			return err
		}
	}
	if gone == "" {
		return nil // no lock was taken
	}
	return fmt.Errorf("%w: lock %s was removed by somebody else", ErrLockLost, short(gone))
}

// Load asks once more, without retries, where the retry layer refuses to: for an hour after its retries for a file were in vain it
// returns an error that says no more than that, and the engine loads many a file twice.
func (t *tracker) Load(ctx context.Context, h backend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	err := t.Backend.Load(ctx, h, length, offset, fn)
	if err == nil || !strings.HasPrefix(err.Error(), "circuit breaker open") {
		return err
	}
	layer, ok := unwrap[*retry.Backend](t.Backend)
	if !ok {
		return err
	}
	return layer.Backend.Load(ctx, h, length, offset, fn)
}
