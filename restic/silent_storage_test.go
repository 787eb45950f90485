package restic

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/harness"
)

// silent is a storage that, once asked to, answers no request for a lock.
type silent struct {
	*memory
	hangs atomic.Bool
}

func (m *silent) backend(context.Context, *options, bool) (engbackend.Backend, error) { return m, nil }

func (m *silent) wait(ctx context.Context, h engbackend.Handle) error {
	if h.Type != engbackend.LockFile || !m.hangs.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (m *silent) Stat(ctx context.Context, h engbackend.Handle) (engbackend.FileInfo, error) {
	if err := m.wait(ctx, h); err != nil {
		return engbackend.FileInfo{}, err
	}
	return m.memory.Stat(ctx, h)
}

func (m *silent) Remove(ctx context.Context, h engbackend.Handle) error {
	if err := m.wait(ctx, h); err != nil {
		return err
	}
	return m.memory.Remove(ctx, h)
}

// The engine waits a minute for the removal of its lock, and that after a Ctrl-C
// without a network.
func TestCancelledWithoutNetwork(t *testing.T) {
	harness.NotShort(t)
	t.Parallel()
	m, locks := &silent{memory: newMemory()}, WithLockDir(t.TempDir())
	s, err := Init(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0), locks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Ls(ctx, LsOptions{Snapshot: mustBackup(t, s, writeTree(t, map[string]string{"a": "b"})).SnapshotID.String()}, LsVisitor{Node: func(Node) error {
		m.hangs.Store(true)
		cancel()
		return ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Close(); !errors.Is(err, ErrLockLeft) || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if took := time.Since(start); took > 40*time.Second {
		t.Errorf("Close took %v", took)
	}
	if left := m.names(t, engbackend.LockFile); len(left) != 1 {
		t.Fatal("locks left:", left)
	}
	// The next session sees that the lock's holder has let go of it.
	m.hangs.Store(false)
	if s, err = Open(t.Context(), m, testPassword, WithoutCache(), locks); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(forgetNothing(t, s), s.Close()); err != nil {
		t.Error(err)
	}
	if left := m.names(t, engbackend.LockFile); len(left) != 0 {
		t.Error("locks left:", left)
	}
}

// A refresh of the lock that is under way has a context of the engine's own, and the
// engine waits for it before it unlocks.
func TestUnlockingEndsARefresh(t *testing.T) {
	m := &silent{memory: newMemory()}
	tr := newTracker(m, &broadcast{}, "")
	name := func(c byte) engbackend.Handle {
		return engbackend.Handle{Type: engbackend.LockFile, Name: string([]byte{c, c})}
	}
	save := func(h engbackend.Handle) error {
		return tr.Save(context.Background(), h, engbackend.NewByteReader([]byte("lock"), m.Hasher()))
	}
	if err := save(name('1')); err != nil {
		t.Fatal(err)
	}
	m.hangs.Store(true)
	refreshed := make(chan error, 1)
	go func() { refreshed <- save(name('2')) }()
	tr.unlocking(t.Context(), time.Millisecond, time.Millisecond, func() {
		if err := <-refreshed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	// and the next lock can be taken and removed
	m.hangs.Store(false)
	if err := errors.Join(save(name('3')), tr.Remove(context.Background(), name('3')), tr.Remove(context.Background(), name('1'))); err != nil {
		t.Error(err)
	}
}

// Who cancels while a lock is being removed does not wait as long as before.
func TestCancelledWhileUnlocking(t *testing.T) {
	m := &silent{memory: newMemory()}
	tr := newTracker(m, &broadcast{}, "")
	h := engbackend.Handle{Type: engbackend.LockFile, Name: "11"}
	if err := tr.Save(context.Background(), h, engbackend.NewByteReader([]byte("lock"), m.Hasher())); err != nil {
		t.Fatal(err)
	}
	m.hangs.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	tr.unlocking(ctx, time.Hour, time.Millisecond, func() {
		removed := make(chan error, 1)
		go func() { removed <- tr.removeLock(context.Background(), h) }()
		cancel()
		select {
		case err := <-removed:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the removal goes on")
			m.hangs.Store(false)
		}
	})
}

// Nobody writes into the pipe that is backed up: the backup ends all the same when it
// is cancelled.
func TestCancelledWhileTheSourceIsSilent(t *testing.T) {
	harness.NotShort(t)
	pipe, w := io.Pipe()
	tests := map[string]BackupOptions{"reader": {Reader: pipe}}
	if runtime.GOOS != "windows" {
		// the command dies, but not what it has started
		tests["command"] = BackupOptions{Command: []string{"sh", "-c", "sleep 50; true"}}
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			s, m := initMemory(t)
			ctx, cancel := context.WithCancel(t.Context())
			m.before(func(op string, h engbackend.Handle) error {
				if op == "save" && h.Type == engbackend.LockFile {
					time.AfterFunc(time.Second, cancel)
				}
				return nil
			})
			ended := make(chan error, 1)
			go func() {
				_, err := s.Backup(ctx, o)
				ended <- err
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			case <-time.After(40 * time.Second):
				t.Error("the backup waits for its source")
				_ = w.Close()
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeSound(t, m)
		})
	}
}
