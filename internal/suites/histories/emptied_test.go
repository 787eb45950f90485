package histories

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

// emptySnapshots does what a rewrite does, under a lock as it holds one, but for a tree
// that has nothing in it.
func (s *sealer) emptySnapshots() {
	w := s.w
	lock := s.lock(true)
	defer w.remove(lock)
	_, entry := s.pack("tree", nil, []byte("{\"nodes\":[]}\n"))
	s.put("index", index{Packs: []indexed{entry}})
	for _, key := range w.keys("snapshots/") {
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
// run of restic makes a snapshot of nothing, so the moment before is named.
func TestEmptiedSnapshots(t *testing.T) {
	srv := &queued{Server: s3test.Start(t), dialect: "aws"}
	if !srv.Controlled() {
		srv.dialect = "rgw"
	}
	w := newWorld(t, srv, 1<<33)
	w.begin()
	must(t, backup(w))
	w.wait()
	s := w.unlock()
	attack := w.now()
	w.pass(time.Minute)
	s.emptySnapshots()
	w.pass(time.Hour)
	m := w.manages(w.password)
	h, err := m.History(w.ctx, w.bucket, s3state.HistoryOptions{})
	must(t, err)
	if len(h.Suspicions) == 0 || !strings.Contains(h.Suspicions[0].Reason, "nothing in it") || h.LastGood.IsZero() || h.LastGood.After(attack) {
		t.Errorf("last good %v, attack %v, %v", h.LastGood, attack, h.Suspicions)
	}
	if _, err := m.DropVersions(w.ctx, w.bucket, s3state.DropOptions{RequireComplete: true, DryRun: true}); err == nil {
		t.Error("the snapshots would be dropped for good")
	}
}
