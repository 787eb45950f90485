package s3state

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Only a moment that was proved is named, and few are looked at to find it.
func TestHistorySearchesForAProof(t *testing.T) {
	r := newFakeRestic(t)
	var states []*SavedState
	for range 20 {
		r.backup()
		states = append(states, r.lastState())
	}
	for _, last := range []int{19, 18, 12, 1, 0, -1} {
		tried := 0
		prover := func(_ context.Context, at *View, _ func(string) bool) (*Proof, error) {
			tried++
			if last >= 0 && !at.Time.After(states[last].Time) {
				return &Proof{Verdict: Proved, Requests: 1}, nil
			}
			return &Proof{Verdict: Broken, Reason: "a pack is missing", Requests: 1}, nil
		}
		h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{Prover: prover})
		if err != nil || tried > 14 || h.Proof.Tried != tried || h.Proof.Requests != int64(tried) || (h.Total == 0) != (last == 19) {
			t.Errorf("%d: %v, %d looked at, %+v, %+v", last, err, tried, h.Proof, h.Suspicions)
		}
		if last < 0 {
			if !h.LastGood.IsZero() || h.Proof.Verdict != Broken {
				t.Errorf("%+v", h)
			}
			continue
		}
		if h.Proof.Verdict != Proved || h.LastGoodState == nil || h.LastGoodState.Key != states[last].Key {
			t.Errorf("%d: %v %+v", last, h.LastGood, h.LastGoodState)
		}
	}
	// Only moments between a change of the password and an attack hold, which the steps
	// back go past.
	between := func(_ context.Context, at *View, _ func(string) bool) (*Proof, error) {
		switch {
		case at.Time.After(states[17].Time):
			return &Proof{Verdict: Broken, Reason: "a pack is missing"}, nil
		case at.Time.Before(states[17].Time):
			return &Proof{Verdict: NotProved, Reason: "wrong password"}, nil
		}
		return &Proof{Verdict: Proved}, nil
	}
	if h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{Prover: between}); err != nil || h.LastGoodState == nil || h.LastGoodState.Key != states[17].Key {
		t.Errorf("between: %v %+v", err, h)
	}
	spent := func(context.Context, *View, func(string) bool) (*Proof, error) {
		return &Proof{Verdict: NotProved, Reason: "budget spent", Spent: true}, nil
	}
	if h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{Prover: spent}); err != nil || h.Total != 0 || !h.LastGood.IsZero() || h.Proof.Verdict != NotProved || h.Proof.Tried != 1 {
		t.Errorf("%v %+v", err, h)
	}
}

// The end of a backup is a moment of its own, though an attack is dated to its minute.
func TestHistoryOfAnAttackInTheMinuteOfABackup(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.srv.AdvanceClock(t, time.Second)
	r.blob("snapshots", r.body("snapshot"))
	var end time.Time
	for v, err := range r.admin.Versions(r.ctx, r.bucket, "snapshots/") {
		if err != nil {
			t.Fatal(err)
		}
		end = later(end, v.LastModified)
	}
	r.srv.AdvanceClock(t, 3*time.Second)
	r.put(r.packs[0], strings.Repeat("x", 100))
	prover := func(_ context.Context, at *View, _ func(string) bool) (*Proof, error) {
		if at.Time.After(endOf(end)) {
			return &Proof{Verdict: Broken, Reason: "a pack is damaged"}, nil
		}
		return &Proof{Verdict: Proved}, nil
	}
	h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{Prover: prover})
	if err != nil || !h.LastGood.Equal(endOf(end)) {
		t.Errorf("%v, named %v, the backup ended %v", err, h.LastGood, end)
	}
}

// What a state's forger cannot reach is checked last: the state that is recommended is
// verified, however many were forged after it.
func TestHistoryVerifiesTheStateItNames(t *testing.T) {
	r := newFakeRestic(t)
	good := r.backup()
	st := r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	// in the middle of the night, when nothing else happens
	forged := r.forge(st, func(m map[string]any) { m["versions"] = []any{} })
	for range 3 {
		r.backup()
	}
	h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{VerifyStates: 3})
	if err != nil {
		t.Fatal(err)
	}
	if h.Total != 0 || h.LastGoodState.Verification == nil {
		t.Errorf("the newest three are good: %+v", h)
	}
	r.srv.AdvanceClock(t, time.Hour)
	r.del(r.packs[0])
	r.srv.AdvanceClock(t, time.Hour)
	if h, err = r.admin.History(r.ctx, r.bucket, HistoryOptions{NoVerify: true}); err != nil || h.Total != 1 || h.LastGoodState.Verification != nil {
		t.Errorf("%v %+v", err, h)
	}
	if h, err = r.admin.History(r.ctx, r.bucket, HistoryOptions{}); err != nil {
		t.Fatal(err)
	}
	if h.Total != 2 || h.Suspicions[0].Key != forged.Key || h.LastGoodState == nil || h.LastGoodState.Key != st.Key || h.LastGoodState.Key == good.Key {
		t.Errorf("%+v", h)
	}
}

// Who knows the password can judge what is read.
func TestHistoryInspector(t *testing.T) {
	r := newFakeRestic(t)
	good := r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	bad := r.blob("snapshots", r.body("evil"))
	var asked time.Time
	opts := HistoryOptions{Inspector: func(_ context.Context, at time.Time) (Inspect, error) {
		asked = at
		return func(v Version, body []byte) (Verdict, error) {
			if strings.HasPrefix(string(body), "evil") != (v.Key == bad) || TypeOf(v.Key) == TypePack {
				t.Errorf("%s: %q", v.Key, body)
			}
			if v.Key == bad {
				return Verdict{Suspicious: "it is evil"}, nil
			}
			return Verdict{}, nil
		}, nil
	}}
	h, err := r.admin.History(r.ctx, r.bucket, opts)
	if err != nil || h.Total != 1 || h.Suspicions[0].Key != bad || h.Suspicions[0].Reason != "it is evil" || h.Unread != 0 {
		t.Fatalf("%v %+v", err, h)
	}
	if h.LastGoodState == nil || h.LastGoodState.Key != good.Key || asked.IsZero() {
		t.Errorf("%v %+v", asked, h)
	}
	opts.ListOnly = true
	if h, err := r.admin.History(r.ctx, r.bucket, opts); err != nil || h.Total != 0 || h.Unread != 4 {
		t.Errorf("%v %+v", err, h)
	}
	// a host may not read what was deleted; what it may, is judged
	r.del(bad)
	opts.ListOnly, opts.Inspector = false, nil
	if h, err := r.host.History(r.ctx, r.bucket, opts); err != nil || h.Unread == 0 {
		t.Errorf("as the host: %v %+v", err, h)
	}
}
