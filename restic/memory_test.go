package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engmem "github.com/restic/restic/rwmlink/mem"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// memory is a repository in memory that tests can look into and disturb.
type memory struct {
	engbackend.Backend

	mu   sync.Mutex
	hook func(op string, h engbackend.Handle) error
}

func newMemory() *memory { return &memory{Backend: engmem.New()} }

func (m *memory) String() string { return "memory" }

func (m *memory) backend(context.Context, *options, bool) (engbackend.Backend, error) { return m, nil }

// before sets what runs before every request; an error takes the request's place.
func (m *memory) before(hook func(op string, h engbackend.Handle) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

func (m *memory) ask(op string, h engbackend.Handle) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hook == nil {
		return nil
	}
	return m.hook(op, h)
}

func (m *memory) Save(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	if err := m.ask("save", h); err != nil {
		return err
	}
	// a request that was sent takes effect, even if its caller has gone before the
	// answer comes
	if err := m.Backend.Save(context.WithoutCancel(ctx), h, rd); err != nil {
		return err
	}
	return ctx.Err()
}

func (m *memory) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if err := m.ask("load", h); err != nil {
		return err
	}
	return m.Backend.Load(ctx, h, length, offset, fn)
}

func (m *memory) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	if err := m.ask("list", engbackend.Handle{Type: t}); err != nil {
		return err
	}
	return m.Backend.List(ctx, t, fn)
}

func (m *memory) Remove(ctx context.Context, h engbackend.Handle) error {
	if err := m.ask("remove", h); err != nil {
		return err
	}
	return m.Backend.Remove(ctx, h)
}

// names lists the objects of a type.
func (m *memory) names(t testing.TB, ft engbackend.FileType) []string {
	t.Helper()
	var names []string
	if err := m.Backend.List(context.Background(), ft, func(fi engbackend.FileInfo) error { names = append(names, fi.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

// plant stores an object under the name its content gives it, or as the config.
func (m *memory) plant(t testing.TB, ft engbackend.FileType, raw []byte) string {
	t.Helper()
	h := engbackend.Handle{Type: ft}
	if ft != engbackend.ConfigFile {
		h.Name = engrestic.Hash(raw).String()
	} else if err := m.Backend.Remove(context.Background(), h); err != nil {
		t.Fatal(err)
	}
	if err := m.Backend.Save(context.Background(), h, engbackend.NewByteReader(raw, m.Hasher())); err != nil {
		t.Fatal(err)
	}
	return h.Name
}

// change gives an object other bytes under its old name.
func (m *memory) change(t testing.TB, h engbackend.Handle, to func([]byte) []byte) {
	t.Helper()
	var raw []byte
	err := m.Backend.Load(context.Background(), h, 0, 0, func(rd io.Reader) (err error) {
		raw, err = io.ReadAll(rd)
		return err
	})
	if err == nil {
		err = m.Backend.Remove(context.Background(), h)
	}
	if err == nil {
		err = m.Backend.Save(context.Background(), h, engbackend.NewByteReader(to(raw), m.Hasher()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// plantLock stores a lock as another process would.
func (m *memory) plantLock(t testing.TB, s *Session, lock *engrestic.Lock) string {
	t.Helper()
	plain, err := json.Marshal(lock)
	if err != nil {
		t.Fatal(err)
	}
	repo, err := s.fresh(t.Context(), s.opts.engine(), false)
	if err != nil {
		t.Fatal(err)
	}
	nonce := engcrypto.NewRandomNonce()
	return m.plant(t, engbackend.LockFile, repo.Key().Seal(bytes.Clone(nonce), nonce, plain, nil))
}

// initMemory makes a repository in memory.
func initMemory(t testing.TB, opts ...Option) (*Session, *memory) {
	t.Helper()
	m := newMemory()
	s, err := Init(t.Context(), m, testPassword, append([]Option{WithoutCache(), WithRetryFor(0), WithLockDir(t.TempDir())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.before(nil)
		_ = s.Close()
	})
	return s, m
}

// mustBackup backs up paths.
func mustBackup(t testing.TB, s *Session, paths ...string) *BackupResult {
	t.Helper()
	res, err := s.Backup(context.Background(), BackupOptions{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// mustBeSound checks the repository with a session of its own, data included, and that
// no lock is left.
func mustBeSound(t testing.TB, loc Location, opts ...Option) {
	t.Helper()
	s, err := Open(context.Background(), loc, testPassword, append([]Option{WithoutCache()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Check(context.Background(), CheckOptions{ReadData: true}); err != nil {
		t.Fatal(err)
	}
}
