package restic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// walks are the operations that load trees while the lock is being taken. Each returns
// what it found, to be compared.
func walks(t *testing.T) map[string]func(context.Context, *Session) ([]string, error) {
	return map[string]func(context.Context, *Session) ([]string, error){
		"find": func(ctx context.Context, s *Session) (found []string, err error) {
			err = s.Find(ctx, FindOptions{Patterns: []string{"leaf"}}, func(f Found) error {
				found = append(found, f.Path)
				return nil
			})
			return found, err
		},
		"stats": func(ctx context.Context, s *Session) ([]string, error) {
			res, err := s.Stats(ctx, StatsOptions{})
			if err != nil || res.TotalFileCount == 0 {
				return nil, err
			}
			return []string{"counted"}, nil
		},
		"ls": func(ctx context.Context, s *Session) (names []string, err error) {
			err = s.Ls(ctx, LsOptions{Snapshot: "latest"}, LsVisitor{Node: func(n Node) error {
				names = append(names, n.Path)
				return nil
			}})
			return names, err
		},
		"diff": func(ctx context.Context, s *Session) ([]string, error) {
			if _, err := s.Diff(ctx, DiffOptions{From: "latest", To: "latest"}, nil); err != nil {
				return nil, err
			}
			return []string{"compared"}, nil
		},
		"restore": func(ctx context.Context, s *Session) ([]string, error) {
			target := t.TempDir()
			_, err := s.Restore(ctx, RestoreOptions{Snapshot: "latest", Target: target, Patterns: Patterns{Includes: []string{"leaf"}}})
			if err != nil {
				return nil, err
			}
			var names []string
			return names, filepath.WalkDir(target, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					names = append(names, d.Name())
				}
				return err
			})
		},
	}
}

// treesToWalk opens a repository of one file below a few directories. loading is closed
// once something is read from a pack.
func treesToWalk(t *testing.T) (s *Session, r *recorded, loading chan struct{}) {
	t.Helper()
	first, m := initMemory(t)
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "leaf"), []byte("leaf"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustBackup(t, first, filepath.Dir(filepath.Dir(dir)))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r = &recorded{memory: m, seen: make(chan struct{}), indexed: make(chan struct{}), deciding: func() {}}
	s = openAgain(t, r, WithLockDir(t.TempDir()), WithRetryFor(0))
	loading = make(chan struct{})
	var once sync.Once
	r.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Type == engbackend.PackFile {
			once.Do(func() { close(loading) })
		}
		return nil
	})
	return s, r, loading
}

// Trees are loaded while the lock is being taken, and not once more after that.
func TestTreesAreLoadedWhileLocking(t *testing.T) {
	for name, run := range walks(t) {
		t.Run(name, func(t *testing.T) {
			whenAhead(t, func() (ahead bool) {
				s, r, loading := treesToWalk(t)
				r.deciding = func() { ahead = soon(loading) }
				if found, err := run(t.Context(), s); err != nil || len(found) == 0 {
					t.Error(found, err)
				}
				return ahead
			})
		})
	}
}

// Nothing is made of them unless the lock is held, and nothing goes on.
func TestTreesWithoutTheLock(t *testing.T) {
	for name, run := range walks(t) {
		t.Run(name, func(t *testing.T) {
			whenAhead(t, func() (ahead bool) {
				s, r, loading := treesToWalk(t)
				r.deciding = func() {
					ahead = soon(loading)
					r.plantLock(t, s, &engrestic.Lock{Time: time.Now(), Hostname: "elsewhere", PID: 1, Exclusive: true})
				}
				if found, err := run(t.Context(), s); !errors.Is(err, ErrLocked) || len(found) > 0 {
					t.Error(found, err)
				}
				var late atomic.Bool
				r.before(func(string, engbackend.Handle) error { late.Store(true); return nil })
				time.Sleep(10 * time.Millisecond)
				if late.Load() {
					t.Error("something was still being read")
				}
				r.before(nil)
				return ahead
			})
		})
	}
}

// A tree that could not be loaded before the lock was held is loaded again.
func TestTreesAreLoadedAgainIfTheyFailed(t *testing.T) {
	for name, run := range walks(t) {
		t.Run(name, func(t *testing.T) {
			whenAhead(t, func() (ahead bool) {
				s, r, _ := treesToWalk(t)
				loading := make(chan struct{})
				var once sync.Once
				var held atomic.Bool
				r.before(func(op string, h engbackend.Handle) error {
					if op != "load" || h.Type != engbackend.PackFile || held.Load() {
						return nil
					}
					once.Do(func() { close(loading) })
					return errors.New("not yet")
				})
				r.deciding = func() {
					ahead = soon(loading)
					time.Sleep(10 * time.Millisecond) // until it has failed, as a rule
					held.Store(true)
				}
				if found, err := run(t.Context(), s); err != nil || len(found) == 0 {
					t.Error(found, err)
				}
				return ahead
			})
		})
	}
}
