package histories

import (
	"testing"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// A search reads no more data than it may, in all the moments that it looks at. Once
// what it has read was damaged it does not call a moment proved whose data it has not
// read.
func TestSearchReadsNoMoreDataThanItMay(t *testing.T) {
	w, s, attack := afterABackup(t, "aws", 1<<34, 4)
	poisoned := false
	for !poisoned {
		key, x := s.readIndex()
		for _, p := range x.Packs {
			if !poisoned && p.Blobs[0].Type == "data" {
				w.remove(s.poison(key, x, p))
				poisoned = true
			}
		}
		if !poisoned {
			must(t, w.backup(w.hosts[0], through{}))
		}
	}
	w.pass(time.Hour)
	var now int64
	for _, v := range w.versions("data/") {
		if !v.DeleteMarker {
			now += v.Size
		}
	}
	for _, c := range []struct {
		most int64
		good bool
	}{{10 * now, true}, {now, false}} {
		m, err := rwm.New(&rwm.Config{ResticBucket: w.bucket, ResticPassword: w.password, LockPath: w.dir + "/rwm.lock"},
			rwm.WithClient(w.srv.ClientVia(w, w.srv.Admin, w.base)), rwm.WithTransport(w.base), rwm.WithClock(w.now),
			rwm.WithProof(rwm.ProofOptions{MaxData: c.most}))
		must(t, err)
		h, err := m.History(w.ctx, w.bucket, s3state.HistoryOptions{})
		must(t, err)
		if good := !h.LastGood.IsZero() && h.LastGood.Before(attack.Add(time.Second)); good != c.good {
			t.Errorf("%d of %d bytes may be read: last good %v, attack %v, %+v, %v", c.most, now, h.LastGood, attack, h.Proof, h.Suspicions)
		}
		if !c.good && (h.Proof.Verdict == s3state.Proved || !h.Proof.Spent || h.Total == 0) {
			t.Errorf("%+v", h.Proof)
		}
	}
}
