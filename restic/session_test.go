package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// A session that has its index loaded finds what another one stored later.
func TestTwoSessions(t *testing.T) {
	first, m := initMemory(t)
	mustBackup(t, first, writeTree(t, map[string]string{"a": "one"}))
	if _, err := first.Restore(t.Context(), RestoreOptions{Snapshot: "latest", Target: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context(), m, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	dir := writeTree(t, map[string]string{"b": "two"})
	res := mustBackup(t, second, dir)

	target := t.TempDir()
	if _, err := first.Restore(t.Context(), RestoreOptions{Snapshot: res.SnapshotID.String(), Target: target}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(target, dir, "b")); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
	// and it forgets only when the other has given its lock back
	if err := forgetNothing(t, first); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := forgetNothing(t, first); err != nil {
		t.Error(err)
	}
}

// Backups do not list the snapshots again to find their parents.
func TestSnapshotsAreListedOnce(t *testing.T) {
	s, m := initMemory(t)
	lists, loads := 0, 0
	m.before(func(op string, h engbackend.Handle) error {
		if h.Type == engbackend.SnapshotFile {
			switch op {
			case "list":
				lists++
			case "load":
				loads++
			}
		}
		return nil
	})
	dir := writeTree(t, map[string]string{"a": "one"})
	last := mustBackup(t, s, dir)
	for range 5 {
		next := mustBackup(t, s, dir)
		if next.ParentID != last.SnapshotID {
			t.Errorf("parent %v, expected %v", next.ParentID, last.SnapshotID)
		}
		last = next
	}
	if lists != 1 || loads != 0 {
		t.Errorf("%d listings, %d loads of snapshots", lists, loads)
	}
}

// Waiting for a running operation ends with the context.
func TestWaitingEndsWithTheContext(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<16, 1)})
	started, goOn := make(chan struct{}), make(chan struct{})
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.SnapshotFile {
			close(started)
			<-goOn
		}
		return nil
	})
	done := make(chan error)
	go func() {
		_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
		done <- err
	}()
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Error("a second writer:", err)
	}
	if _, err := s.Forget(ctx, ForgetOptions{Policy: Policy{Last: 1}}); !errors.Is(err, context.Canceled) {
		t.Error("an exclusive operation:", err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKeyHint(t *testing.T) {
	s, m := initMemory(t)
	key := s.KeyID().String()
	raw, err := s.fresh(t.Context(), s.opts.engine(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"another", "and another"} {
		if _, err := engrepository.AddKey(t.Context(), raw, password, "", "", raw.Key()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var loaded []string
	m.before(func(op string, h engbackend.Handle) error {
		if op == "load" && h.Type == engbackend.KeyFile {
			loaded = append(loaded, h.Name)
		}
		return nil
	})
	s, err = Open(t.Context(), m, testPassword, WithoutCache(), WithKeyHint(key[:8]))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(loaded) != fmt.Sprint([]string{key}) {
		t.Error(loaded)
	}
}

func TestEmptyPassword(t *testing.T) {
	if _, err := Init(t.Context(), newMemory(), "", WithoutCache()); err == nil {
		t.Error("an empty password was accepted")
	}
	m := newMemory()
	s, err := Init(t.Context(), m, "", WithoutCache(), WithEmptyPassword())
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if s, err = Open(t.Context(), m, "", WithoutCache()); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}
