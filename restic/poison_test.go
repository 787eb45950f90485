package restic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cenkalti/backoff/v4"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// The engine's repository object, used again after a cancelled backup, writes a
// snapshot whose tree is missing.
func TestBackupAfterCancelledBackup(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1), "b": noise(1<<20, 2), "sub/c": "small"})
	ctx, cancel := context.WithCancel(t.Context())
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.PackFile {
			cancel()
			return ctx.Err()
		}
		return nil
	})
	if _, err := s.Backup(ctx, BackupOptions{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	m.before(nil)
	mustBackup(t, s, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}

// After a failed upload it panics.
func TestBackupAfterFailedUpload(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1), "sub/c": "small"})
	m.before(func(op string, h engbackend.Handle) error {
		if op == "save" && h.Type == engbackend.PackFile {
			return backoff.Permanent(errors.New("disk full"))
		}
		return nil
	})
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); err == nil || ExitCode(err) != 1 {
		t.Fatal(err)
	}
	m.before(nil)
	mustBackup(t, s, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}

// The engine allows one writer per repository object; two at once panic.
func TestConcurrentBackups(t *testing.T) {
	s, m := initMemory(t)
	var wg sync.WaitGroup
	for i := range 4 {
		dir := writeTree(t, map[string]string{"file": noise(1<<20, uint64(i)+1), "sub/f": fmt.Sprint(i)})
		wg.Go(func() {
			if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := s.Snapshots(t.Context(), SnapshotFilter{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(m.names(t, engbackend.SnapshotFile)); n != 4 {
		t.Errorf("%d snapshots, 4 expected", n)
	}
	mustBeSound(t, m)
}

// Prune clears the index in memory. A session that went on with the old one would take
// what was pruned for still there.
func TestBackupAfterPrune(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1)})
	other := writeTree(t, map[string]string{"b": "other"})
	mustBackup(t, s, dir)
	mustBackup(t, s, other)
	if _, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, GroupBy: GroupByNone, Prune: &PruneOptions{}}); err != nil {
		t.Fatal(err)
	}
	res := mustBackup(t, s, dir)
	if res.DataAdded < 1<<20 {
		t.Errorf("%d bytes added: the pruned data was taken for there", res.DataAdded)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}
