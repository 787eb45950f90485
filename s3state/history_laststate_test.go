package s3state

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// The view of a moment passes over an upload in parts that was completed over an
// object; a state saved then names it, and the history confirms that. Such a state is
// not the last good one. A state that is proved itself is, as one in which a repeated
// upload differs.
func TestLastGoodStateNamesWhatWasProved(t *testing.T) {
	for content, holds := range map[string]bool{"rubbish": false, "the same": true} {
		t.Run(content, func(t *testing.T) {
			w := newWorld(t, s3test.Dialect("aws"))
			w.srv.SetClock(t, time.Now().Add(-48*time.Hour))
			key := "index/aa" + otherID
			w.put("config", "c")
			up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, key, putOptions())
			if err != nil {
				t.Fatal(err)
			}
			part, err := w.host.core.PutObjectPart(w.ctx, w.bucket, key, up, 1, strings.NewReader(content), int64(len(content)), partOptions())
			if err != nil {
				t.Fatal(err)
			}
			w.srv.AdvanceClock(t, 10*time.Minute)
			good := w.put(key, "the index")
			w.put("snapshots/aa"+otherID, "s")
			w.srv.AdvanceClock(t, 10*time.Minute)
			over := complete(t, w.host, w.bucket, key, up, part)
			st := w.save()
			w.srv.AdvanceClock(t, 10*time.Minute)

			var of []string // what was proved
			prover := func(_ context.Context, at *View, _ func(string) bool) (*Proof, error) {
				of = append(of, at.Moment.StateKey)
				o, _ := at.Get(key)
				if o.VersionID == good || holds && o.VersionID == over.VersionID {
					return &Proof{Verdict: Proved, Requests: 1}, nil
				}
				return &Proof{Verdict: Broken, Reason: "an index is damaged", Requests: 1}, nil
			}
			known := &Known{}
			history := func() *History {
				h, err := w.admin.History(w.ctx, w.bucket, HistoryOptions{Prover: prover, Known: known, ReviewedUntil: time.Now()})
				if err != nil || len(h.States) != 1 || !h.LastGood.Equal(endOf(h.States[0].Time)) || h.States[0].Verification.Status != Verified {
					t.Fatalf("%v %+v", err, h)
				}
				if named := h.LastGoodState != nil; named != holds {
					t.Errorf("the last good state is %+v", h.LastGoodState)
				}
				return h
			}
			if h := history(); of[len(of)-1] != st.Key || h.Proof.Tried != len(of) || h.Proof.Requests != int64(len(of)) {
				t.Errorf("proved %q: %+v", of, h.Proof)
			}
			text, err := json.Marshal(known)
			if err != nil {
				t.Fatal(err)
			}
			if known = new(Known); json.Unmarshal(text, known) != nil {
				t.Fatal("what is known does not survive JSON")
			}
			of = nil
			if history(); holds != (of[len(of)-1] == "") {
				t.Errorf("proved again: %q", of)
			}
		})
	}
}

// A drop judges the history after a proof of its own, without a Prover.
func TestLastGoodStateWithoutAProver(t *testing.T) {
	w := newWorld(t)
	h := newTimeline(w.bucket)
	st := &SavedState{Key: "rwm/state_none.json.gz"}
	h.proving, h.res.LastGoodState = true, st
	if err := h.holdLastState(w.ctx, newSearch(w.admin, w.bucket, nil, nil, nil), nil); err != nil || h.res.LastGoodState != st {
		t.Errorf("%v %+v", err, h.res.LastGoodState)
	}
}
