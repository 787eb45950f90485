package histories

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// nothing and oneFile are trees.
const (
	nothing = `{"nodes":[]}`
	oneFile = `{"nodes":[{"name":"x","type":"file","mode":420,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z",` +
		`"ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0,"content":[]}]}`
)

// reduceSnapshots does what a rewrite does, under a lock as it holds one, but for
// another tree, of which the snapshots do not tell that there is less in it.
func (s *sealer) reduceSnapshots(tree string) { s.resave(tree, s.w.keys("snapshots/")) }

// resave does it with some of them.
func (s *sealer) resave(tree string, snapshots []string) {
	w := s.w
	lock := s.lock(true)
	defer w.remove(lock)
	_, entry := s.pack("tree", nil, []byte(tree+"\n"))
	s.put("index", index{Packs: []indexed{entry}})
	for _, key := range snapshots {
		var sn map[string]any
		plain := s.open(w.get(key))
		if len(plain) > 0 && plain[0] == 2 {
			plain = unzip(plain[1:])
		}
		if json.Unmarshal(plain, &sn) != nil {
			continue
		}
		sn["tree"], sn["original"] = entry.Blobs[0].ID, path.Base(key)
		s.put("snapshots", sn)
		w.remove(key)
	}
}

// The lock explains that the snapshots went, and what is current holds together; but no
// run of restic makes a snapshot of nothing, and of one that lost most of what it had a
// person has to know. So the moment before is named.
func TestReducedSnapshots(t *testing.T) {
	for name, c := range map[string]struct{ tree, want string }{
		"to nothing":  {nothing, "nothing in it"},
		"to one file": {oneFile, "with less in it: 1 of "},
	} {
		t.Run(name, func(t *testing.T) { testReduced(t, c.tree, c.want) })
	}
}

// afterABackup is a world whose host has made a backup after some changes, and an
// attacker who begins a minute later.
func afterABackup(t *testing.T, dialect string, seed uint64, changes int) (w *world, s *sealer, attack time.Time) {
	t.Helper()
	srv := &queued{Server: s3test.Start(t), dialect: dialect}
	if !srv.Controlled() {
		harness.NotOnThisServer(t, "the backup and the attack have to be further apart than a step of the history")
	}
	w = newWorld(t, srv, seed)
	w.begin()
	for range changes {
		w.change(w.hosts[0])
	}
	must(t, w.backup(w.hosts[0], through{}))
	w.wait()
	s, attack = w.unlock(), w.now()
	w.pass(time.Minute)
	return w, s, attack
}

func testReduced(t *testing.T, tree, want string) {
	w, s, attack := afterABackup(t, "aws", 1<<33, 3)
	s.reduceSnapshots(tree)
	w.pass(time.Hour)
	m := w.manages(w.password)
	h, err := m.History(w.ctx, w.bucket, s3state.HistoryOptions{})
	must(t, err)
	if len(h.Suspicions) == 0 || !strings.Contains(h.Suspicions[0].Reason, want) || h.LastGood.IsZero() || h.LastGood.After(attack) {
		t.Errorf("last good %v, attack %v, %v", h.LastGood, attack, h.Suspicions)
	}
	if _, err := m.DropVersions(w.ctx, w.bucket, s3state.DropOptions{RequireComplete: true, DryRun: true}); err == nil {
		t.Error("the snapshots would be dropped for good")
	}
}

// Once a backup has saved as much again, the loss is noted, as after a repair: what is
// there now is whole, and forgetting the snapshots would be no mark either. A backup of
// little settles nothing.
func TestReducedSnapshotsAndABackup(t *testing.T) {
	for _, little := range []bool{false, true} {
		w, s, attack := afterABackup(t, "rgw", 1<<33, 3)
		s.reduceSnapshots(oneFile)
		w.pass(time.Hour)
		if little {
			dir := w.hosts[0].dir
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.WriteFile(filepath.Join(dir, "only"), []byte("this"), 0o600))
		}
		must(t, w.with(w.hosts[0], through{}, func(s *restic.Session) error {
			_, err := s.Backup(w.ctx, restic.BackupOptions{Paths: []string{w.hosts[0].dir}})
			return err
		}))
		w.pass(time.Hour)
		m := w.manages(w.password)
		h, err := m.History(w.ctx, w.bucket, s3state.HistoryOptions{})
		must(t, err)
		said := fmt.Sprint(h.Notes)
		if little {
			said = fmt.Sprint(h.Suspicions)
		}
		if (h.Total > 0) != little || h.LastGood.Before(attack) != little || !strings.Contains(said, "with less in it: 1 of ") {
			t.Errorf("little %v: last good %v, attack %v, %v, noted %v", little, h.LastGood, attack, h.Suspicions, h.Notes)
		}
		if _, err := m.DropVersions(w.ctx, w.bucket, s3state.DropOptions{RequireComplete: true, DryRun: true}); (err != nil) != little {
			t.Errorf("little %v: drop: %v", little, err)
		}
	}
}

// However many snapshots are saved again after it, the one that lost nearly everything
// is measured.
func TestReducedSnapshotAmongMany(t *testing.T) {
	srv := &queued{Server: s3test.Start(t), dialect: "rgw"}
	w := newWorld(t, srv, 1<<32)
	w.begin()
	for range 12 {
		w.change(w.hosts[0])
		must(t, w.backup(w.hosts[0], through{}))
	}
	w.wait()
	s := w.unlock()
	attack := w.now()
	snapshots := w.keys("snapshots/")
	w.pass(time.Minute)
	s.resave(oneFile, snapshots[:1])
	w.pass(time.Minute)
	more := strings.Replace(oneFile, `"gid":0,`, `"gid":0,"size":1000000000000,`, 1)
	for i := range 500 { // more than there was
		more = strings.Replace(more, "[{", `[{"name":"`+fmt.Sprintf("%03d", 499-i)+`","type":"fifo","mode":0,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z","uid":0,"gid":0},{`, 1)
	}
	s.resave(more, snapshots[1:])
	w.pass(time.Hour)
	h, err := w.manages(w.password).History(w.ctx, w.bucket, s3state.HistoryOptions{})
	must(t, err)
	if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "with less in it: 1 of ") || h.LastGood.IsZero() || h.LastGood.After(attack) {
		t.Errorf("last good %v, attack %v, %v", h.LastGood, attack, h.Suspicions)
	}
}

// An attacker who spoils what the originals need, and then replaces them, does not keep
// them from being measured: they are, as of when they were written.
func TestReducedSnapshotsAfterSpoiling(t *testing.T) {
	w, s, attack := afterABackup(t, "rgw", 1<<31, 1)
	for _, key := range w.keys("data/") {
		w.put(w.raw, key, w.bytes(100))
	}
	w.pass(time.Minute)
	s.reduceSnapshots(oneFile)
	w.pass(time.Minute)
	must(t, w.with(w.hosts[0], through{}, func(s *restic.Session) error {
		_, err := s.Prune(w.ctx, restic.PruneOptions{})
		return err
	}))
	w.pass(time.Hour)
	h, err := w.manages(w.password).History(w.ctx, w.bucket, s3state.HistoryOptions{})
	must(t, err)
	if !strings.Contains(fmt.Sprint(h.Suspicions), "with less in it: 1 of ") || h.LastGood.IsZero() || h.LastGood.After(attack) {
		t.Errorf("last good %v, attack %v, %v", h.LastGood, attack, h.Suspicions)
	}
}
