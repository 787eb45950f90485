package restic

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

type heard struct {
	mu     sync.Mutex
	events []Event
	came   chan struct{}
}

func listen() (*heard, Option) {
	h := &heard{came: make(chan struct{}, 100)}
	return h, WithEvents(func(ev Event) {
		h.mu.Lock()
		h.events = append(h.events, ev)
		h.mu.Unlock()
		h.came <- struct{}{}
	})
}

// until waits for an event that fits.
func (h *heard) until(t *testing.T, fits func(Event) bool) {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		h.mu.Lock()
		for _, ev := range h.events {
			if fits(ev) {
				h.mu.Unlock()
				return
			}
		}
		h.mu.Unlock()
		select {
		case <-h.came:
		case <-limit:
			t.Fatalf("it was not told: %v", h.events)
		}
	}
}

// Nobody has to guess why opening takes so long.
func TestOpeningSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	_, m := initMemory(t)
	for name, answer := range map[string]error{"errors": errors.New("503 slow down"), "no answer": nil} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m.before(func(op string, h engbackend.Handle) error {
				if h.Type != engbackend.KeyFile || answer != nil {
					return answer
				}
				<-ctx.Done()
				return ctx.Err()
			})
			h, option := listen()
			ended := make(chan error, 1)
			go func() { _, err := Open(ctx, m, testPassword, option, WithoutCache()); ended <- err }()
			if answer == nil {
				h.until(t, func(ev Event) bool { w, ok := ev.(Waiting); return ok && w.What == "opening the repository" })
			} else {
				h.until(t, func(ev Event) bool {
					r, ok := ev.(Retrying)
					return ok && strings.Contains(r.Err.Error(), "503 slow down")
				})
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			m.before(nil)
		})
	}
}

func TestLockingSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	s, m := initMemory(t)
	m.plantLock(t, s, &engrestic.Lock{Hostname: "elsewhere", PID: 42, Time: time.Now(), Exclusive: true})
	h, option := listen()
	again, err := Open(t.Context(), m, testPassword, option, WithoutCache(), WithRetryLock(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := again.Backup(ctx, BackupOptions{Paths: []string{t.TempDir()}}); ended <- err }()
	h.until(t, func(ev Event) bool {
		w, ok := ev.(Waiting)
		return ok && w.What == "locking the repository" && errors.Is(w.Err, ErrLocked) && strings.Contains(w.Err.Error(), "elsewhere")
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNoCacheIsAWarning(t *testing.T) {
	t.Parallel()
	_, m := initMemory(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, warns := range map[string]bool{filepath.Join(file, "cache"): true, t.TempDir(): false} {
		h, option := listen()
		s, err := Open(t.Context(), m, testPassword, option, WithCacheDir(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		warned := false
		for _, ev := range h.events {
			w, ok := ev.(Warning)
			warned = warned || ok && strings.Contains(w.Text, "without a cache") && w.Err != nil
		}
		if warned != warns {
			t.Errorf("%s: %v", dir, h.events)
		}
	}
}
