package rwm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// What an attacker writes into snapshots and locks packs well. A history reads
// thousands of either, so it holds and remembers only hashes of their names.
func TestHistoryOfBulkySnapshotsAndLocks(t *testing.T) {
	w := newWorld(t).policed()
	w.run()
	w.run()
	w.pass()
	const bulk = 900 << 10
	s, err := w.manager().OpenRepository(t.Context(), restic.WithHostname(strings.Repeat("l", bulk)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		if _, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{w.files}, Host: strings.Repeat("h", bulk)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Forget(t.Context(), restic.ForgetOptions{Policy: restic.Policy{Last: 1}, Prune: &restic.PruneOptions{}}); err != nil {
		t.Fatal(err)
	}
	w.run()
	file := filepath.Join(w.dir, "evidence")
	h := w.history(w.admin(rwm.WithEvidence(file)))
	w.newest(h)
	if fi, err := os.Stat(file); err != nil || fi.Size() > bulk/2 {
		t.Errorf("%v, %d bytes are remembered", err, fi.Size())
	}
}
