package restic

import (
	"context"
	"errors"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/harness"
)

// TestCancelAnywhere cancels a session's work at its first request, its second and so
// on. Whenever that is, no lock stays behind, the session goes on to be usable and the
// repository is sound.
func TestCancelAnywhere(t *testing.T) {
	harness.NotShort(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<16, 1), "sub/b": "small"})
	again := writeTree(t, map[string]string{"a": noise(1<<16, 2), "sub/b": "small"})
	work := map[string]func(ctx context.Context, s *Session) error{
		"backup": func(ctx context.Context, s *Session) error {
			_, err := s.Backup(ctx, BackupOptions{Paths: []string{again}})
			return err
		},
		"forget": func(ctx context.Context, s *Session) error {
			_, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}, GroupBy: GroupByNone, Prune: &PruneOptions{}})
			return err
		},
	}
	for name, run := range work {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n < 60; n++ {
				s, m := initMemory(t)
				mustBackup(t, s, dir)
				mustBackup(t, s, again)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if !cancelAt(t, m, n, run) {
					if n < 10 {
						t.Errorf("only %d requests", n)
					}
					return
				}
				mustBeSound(t, m)
			}
		})
	}
}

// cancelAt runs run in a session and cancels it at the n-th request. It returns false
// if there are less.
func cancelAt(t *testing.T, m *memory, n int, run func(context.Context, *Session) error) bool {
	t.Helper()
	m.before(nil)
	s, err := Open(t.Context(), m, testPassword, WithoutCache(), WithRetryFor(0))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count := 0
	m.before(func(string, engbackend.Handle) error {
		if count++; count == n {
			cancel()
			time.Sleep(5 * time.Millisecond) // so that everybody has noticed when the request goes out
		}
		return nil
	})
	err = run(ctx, s)
	// the engine may be too far to notice, but then it has finished
	if err != nil && !errors.Is(err, context.Canceled) || err == nil && count < n && ctx.Err() != nil {
		t.Errorf("cancelled at request %d: %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("cancelled at request %d: close: %v", n, err)
	}
	m.before(nil)
	if left := m.names(t, engbackend.LockFile); len(left) > 0 {
		t.Fatalf("cancelled at request %d: locks left: %v", n, left)
	}
	return count >= n
}
