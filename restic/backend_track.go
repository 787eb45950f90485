package restic

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engretry "github.com/restic/restic/rwmlink/retry"
)

// Time limits for the storage's answers about locks. After a cancellation the caller is
// waiting, and a lock left behind does little harm: the next session of this host
// removes it.
const (
	lockTime          = 30 * time.Second
	lockTimeCancelled = 10 * time.Second
)

// tracker remembers the locks that were written and not removed, so that none is left
// behind, and the index files of the last listing.
type tracker struct {
	engbackend.Backend

	mu      sync.Mutex
	locks   map[string]bool
	early   map[string]bool // released, while the engine still takes them
	indexes map[string]bool

	retries *broadcast
	alive   *aliveFiles
	unpack  *unpacker // shared with the guard
	limits  *limits

	lockLife context.Context // requests for locks end with it
	endLocks context.CancelFunc

	postponed atomic.Pointer[postponement] // collects removals, while there is one
}

func newTracker(be engbackend.Backend, retries *broadcast, aliveDir string) *tracker {
	t := &tracker{Backend: be, locks: map[string]bool{}, early: map[string]bool{}, indexes: map[string]bool{}, retries: retries, alive: newAliveFiles(aliveDir), unpack: &unpacker{}}
	if g, ok := unwrap[*guard](be); ok {
		t.unpack = &g.unpack
	}
	t.lockLife, t.endLocks = context.WithCancel(context.Background())
	return t
}

// unlocking runs fn, which releases a lock, and after d cancels every lock request in
// flight, including the refresh that the engine makes with its own context and waits
// for. When ctx ends meanwhile, what is left of d becomes patience at most.
func (t *tracker) unlocking(ctx context.Context, d, patience time.Duration, fn func()) {
	t.mu.Lock()
	end := t.endLocks
	t.mu.Unlock()
	released, ended := make(chan struct{}), make(chan bool, 1)
	go func() {
		timer, deadline, cancelled := time.NewTimer(d), time.Now().Add(d), ctx.Done()
		defer timer.Stop()
		for {
			select {
			case <-released:
				ended <- false
				return
			case <-cancelled:
				cancelled = nil
				timer.Reset(min(patience, time.Until(deadline)))
			case <-timer.C:
				end()
				ended <- true
				return
			}
		}
	}()
	fn()
	close(released)
	if <-ended {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.lockLife, t.endLocks = context.WithCancel(context.Background())
	}
}

// forLock returns a context for a request for a lock.
func (t *tracker) forLock(ctx context.Context) (context.Context, func()) {
	t.mu.Lock()
	life := t.lockLife
	t.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(life, cancel)
	return ctx, func() { stop(); cancel() }
}

// listen passes Retrying events to em until the returned function is called.
func (t *tracker) listen(em *emitter) (stop func()) { return t.retries.add(em) }

func (t *tracker) Save(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	switch h.Type {
	case engbackend.LockFile:
		return t.saveLock(ctx, h, rd)
	case engbackend.SnapshotFile:
		if err := t.lockGone(ctx); err != nil {
			return err
		}
	}
	err := t.Backend.Save(ctx, h, rd)
	if err == nil && h.Type == engbackend.IndexFile {
		t.note(&t.indexes, h.Name, true)
	}
	return err
}

// saveLock continues for a while after ctx is cancelled: the request might reach the
// storage anyway, and the engine does not remove a lock that it believes was never
// written.
func (t *tracker) saveLock(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	look, looked := t.forLock(ctx)
	defer looked()
	if err := t.lockGone(look); err != nil {
		return err
	}
	if err := look.Err(); err != nil {
		return err
	}
	t.alive.hold(h.Name)
	t.note(&t.locks, h.Name, true)
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lockTimeCancelled, cancel) })()
	detached, saved := t.forLock(detached)
	defer saved()
	err := t.Backend.Save(detached, h, rd)
	if err == nil {
		takingOf(ctx).lockWritten()
	}
	return err
}

func (t *tracker) Remove(ctx context.Context, h engbackend.Handle) error {
	if p := t.postponed.Load(); p != nil && p.take(h) {
		return nil
	}
	if h.Type == engbackend.LockFile {
		if t.isRemovedEarly(h.Name) {
			return nil
		}
		return t.removeLock(ctx, h)
	}
	err := t.Backend.Remove(ctx, h)
	if err == nil && h.Type == engbackend.IndexFile {
		t.note(&t.indexes, h.Name, false)
	}
	return err
}

func (t *tracker) removeLock(ctx context.Context, h engbackend.Handle) error {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	ctx, done := t.forLock(ctx)
	defer done()
	err := t.Backend.Remove(ctx, h)
	if err == nil || t.IsNotExist(err) {
		defer t.alive.forget(h.Name) // after release, which looks for it
	}
	if err == nil {
		t.note(&t.locks, h.Name, false)
		t.alive.release(h.Name)
	}
	return err
}

func (t *tracker) List(ctx context.Context, ft engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	if l := takingOf(ctx); ft == engbackend.LockFile && (l.firstLook() || l.secondLook()) {
		return ctx.Err()
	}
	from := t.Backend
	if past, ok := unwrap[*asOfBackend](from); ok {
		from = past // it cannot fail, and the layer that tries again remembers every name
	}
	if ft != engbackend.IndexFile {
		return from.List(ctx, ft, fn)
	}
	seen := map[string]bool{}
	err := from.List(ctx, ft, func(fi engbackend.FileInfo) error {
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

// eachPack gives fn what is listed as a pack. It goes past the cache, which would
// remember every ID.
func (t *tracker) eachPack(ctx context.Context, fn func(id ID, size int64)) error {
	err := t.List(ctx, engbackend.PackFile, func(fi engbackend.FileInfo) error {
		if o, ok := listed(fi); ok {
			fn(o.id, o.size)
		}
		return nil
	})
	if t.IsNotExist(err) {
		return nil
	}
	return err
}

func (t *tracker) Unwrap() engbackend.Backend { return t.Backend }

// Close stops using the storage. Locks that could not be removed stay until another
// session finds that their process has ended.
func (t *tracker) Close() error {
	t.alive.close()
	return t.Backend.Close()
}

// note changes one of the tracker's sets; List replaces them, so the field is read
// under the lock.
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

// removeEarly has the locks removed without the engine, which is still taking them.
func (t *tracker) removeEarly() {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.early, t.locks)
}

// isRemovedEarly reports whether the session removes a lock, or has, that the engine
// now removes: it was released before the engine held it. The engine's end then makes
// no request and no event, which could come after the session's end.
func (t *tracker) isRemovedEarly(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.early[name] {
		return false
	}
	delete(t.early, name)
	return true
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

// lockGone returns ErrLockLost if another process has removed the session's lock. The
// engine does not check: it would replace the lock and continue, although a prune may
// meanwhile have removed data that a backup relies on. So this check precedes every
// refresh of a lock and every saved snapshot.
func (t *tracker) lockGone(ctx context.Context) error {
	gone := ""
	for _, name := range t.leftLocks() {
		_, err := t.Backend.Stat(ctx, engbackend.Handle{Type: engbackend.LockFile, Name: name})
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
	return fmt.Errorf("%w: lock %s was removed by another process", ErrLockLost, short(gone))
}

// Load makes one more attempt, without retries, where the retry layer refuses: for an
// hour after its retries for a file have failed it returns only a generic error, and
// the engine loads some files twice.
func (t *tracker) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	err := t.Backend.Load(ctx, h, length, offset, fn)
	if err == nil || !strings.HasPrefix(err.Error(), "circuit breaker open") {
		return err
	}
	layer, ok := unwrap[*engretry.Backend](t.Backend)
	if !ok {
		return err
	}
	return layer.Backend.Load(ctx, h, length, offset, fn)
}
