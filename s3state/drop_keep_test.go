package s3state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cesnet/rwm/internal/harness"
)

// For a random history: a dry run counts what the real run removes, every moment within
// the time to keep is as it was, every kept state can be verified and restored as
// before, what is current stays, and a second run finds nothing more to remove.
func TestDropKeepsStates(t *testing.T) {
	harness.Checks(t, 30)
	base := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := base.another(t)
		clock := time.Now() // an answer's Date lags behind, and what was recorded counts
		type saved struct {
			st   *SavedState
			want map[string]string
		}
		var states []saved
		type moment struct {
			at   time.Time
			want map[string]string
		}
		var moments []moment
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			clock = clock.Add(time.Hour)
			w.srv.SetClock(t, clock)
			key := rapid.SampledFrom([]string{"a", "b", "data/00/c"}).Draw(rt, "key")
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				w.put(key, fmt.Sprint(clock.UnixNano()))
			case 2:
				w.del(key)
			case 3:
				want := contents(t, w.admin, w.bucket)
				states = append(states, saved{w.save(), want})
			}
			moments = append(moments, moment{clock.Add(10 * time.Minute), contents(t, w.admin, w.bucket)})
		}
		w.srv.SetClock(t, clock.Add(time.Minute))
		opts := DropOptions{KeepStates: rapid.IntRange(0, 3).Draw(rt, "n")}
		if rapid.Bool().Draw(rt, "within") {
			opts.KeepWithin = time.Duration(rapid.IntRange(0, 12).Draw(rt, "hours"))*time.Hour + 30*time.Minute
		}
		before := contents(t, w.admin, w.bucket)
		opts.DryRun = true
		entries := dump(t, w.admin, w.bucket)
		dry, err := w.admin.DropVersions(w.ctx, w.bucket, opts)
		if err != nil {
			rt.Fatal(err)
		}
		if !slices.Equal(entries, dump(t, w.admin, w.bucket)) || dry.State != nil {
			rt.Fatal("the dry run changed something")
		}
		opts.DryRun = false
		res, err := w.admin.DropVersions(w.ctx, w.bucket, opts)
		if err != nil {
			rt.Fatal(err)
		}
		if dry.OldVersions != res.OldVersions || dry.DeleteMarkers != res.DeleteMarkers || dry.States != res.States || dry.Bytes != res.Bytes {
			rt.Fatalf("the dry run said %+v, the real run did %+v", dry, res)
		}
		if len(res.Kept) < min(opts.KeepStates, len(states)) {
			rt.Fatalf("%d states kept of %d", len(res.Kept), len(states))
		}
		for _, st := range res.Kept {
			i := slices.IndexFunc(states, func(s saved) bool { return s.st.Key == st.Key })
			v, err := w.admin.View(w.ctx, w.bucket, Moment{StateKey: st.Key, StateVersion: st.VersionID}, ViewOptions{Verify: true})
			if err != nil || v.Verification.Status != Verified {
				rt.Fatalf("kept state %s: %v %+v", st.Key, err, v)
			}
			got := 0
			for o := range v.All("") {
				if isState(&Version{Key: o.Key}) {
					continue
				}
				if _, ok := states[i].want[o.Key]; !ok {
					rt.Fatalf("kept state %s: %q", st.Key, o.Key)
				}
				got++
			}
			want := maps.Clone(states[i].want)
			maps.DeleteFunc(want, func(k, _ string) bool { return strings.HasPrefix(k, "rwm/") })
			if got != len(want) {
				rt.Fatalf("kept state %s: %d objects, not %d", st.Key, got, len(want))
			}
		}
		for _, m := range moments {
			if opts.KeepWithin == 0 || len(m.want) == 0 || m.at.Before(res.KeptSince) {
				continue
			}
			v, err := w.admin.View(w.ctx, w.bucket, Moment{At: m.at}, ViewOptions{})
			if errors.Is(err, ErrNoState) {
				v, err = &View{}, nil // of that moment's objects nothing is left, or there was none
			}
			if err != nil {
				rt.Fatal(err)
			}
			got := make(map[string]bool)
			for o := range v.All("") {
				if got[o.Key] = true; !isState(&Version{Key: o.Key}) && int64(len(m.want[o.Key])) != o.Size {
					rt.Fatalf("at %s: %q has %d bytes", m.at, o.Key, o.Size)
				}
			}
			for key := range m.want {
				if !got[key] && !isState(&Version{Key: key}) {
					rt.Fatalf("at %s: %q is lost", m.at, key)
				}
			}
		}
		after := contents(t, w.admin, w.bucket)
		for _, m := range []map[string]string{before, after} {
			maps.DeleteFunc(m, func(k, _ string) bool { return strings.HasPrefix(k, "rwm/") })
		}
		if !maps.Equal(before, after) {
			rt.Fatalf("current objects: %q, not %q", after, before)
		}
		if opts.KeepStates == 0 && opts.KeepWithin == 0 {
			again, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{DryRun: true})
			if err != nil || again.OldVersions != 0 || again.DeleteMarkers != 0 || again.States != 1 {
				rt.Fatalf("something is left: %v %+v", err, again)
			}
		}
	})
}

// Forged states do not push out the real ones.
func TestDropKeepsRealStates(t *testing.T) {
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-100*time.Hour))
	w.put("config", "c")
	w.put("data/00/a", "good")
	w.srv.AdvanceClock(t, time.Hour)
	st := w.save()
	w.srv.AdvanceClock(t, time.Hour)
	w.put("data/00/a", "evil")
	w.srv.AdvanceClock(t, time.Hour)
	for range 3 {
		w.forge(st, func(map[string]any) {})
		w.put(statePrefix+"junk"+stateSuffix, "junk")
	}
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{KeepStates: 1})
	if err != nil || len(res.Kept) != 1 || res.Kept[0].Key != st.Key {
		t.Fatalf("%v %+v", err, res)
	}
	if _, target, err := w.restore(st, nil); err != nil {
		t.Error(err)
	} else if got := contents(t, w.admin, target); got["data/00/a"] != "good" {
		t.Errorf("%q", got)
	}
}

// Once what is there has been judged, it stays, whatever happens to it meanwhile.
func TestDropKeepsWhatWasConfirmed(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	before := contents(t, r.admin, r.bucket)
	confirm := func(_ context.Context, now *View) (bool, error) {
		if _, ok := now.Get(r.packs[0]); !ok || now.Len() == 0 {
			t.Errorf("%d objects", now.Len())
		}
		for k := range before {
			if !isState(&Version{Key: k}) {
				r.del(k)
			}
		}
		return true, nil
	}
	res, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Confirm: confirm})
	if err != nil || res.Lost == 0 {
		t.Fatalf("%v %+v", err, res)
	}
	versions := make(map[string]bool)
	for v, err := range r.admin.Versions(r.ctx, r.bucket, "") {
		if err != nil {
			t.Fatal(err)
		}
		versions[v.Key] = versions[v.Key] || !v.DeleteMarker
	}
	for k := range before {
		if !versions[k] && !isState(&Version{Key: k}) {
			t.Errorf("%s is gone", k)
		}
	}
	failed := errors.New("no")
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Reviewed: true, Confirm: func(context.Context, *View) (bool, error) { return false, failed }}); err == nil {
		t.Error("not confirmed")
	}
}

// What was there when the oldest kept state was saved counts, not what was written
// then: a snapshot made long before must not be missed when the ones after it are
// counted.
func TestDropKeepsWhatHistoryCounts(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.srv.AdvanceClock(t, 30*time.Hour)
	r.backup()
	first, second := r.snapshots[0], r.snapshots[1]
	r.run(func() { r.del(second) })
	r.run(func() { r.blob("snapshots", r.body("snapshot")) })
	r.run(func() { r.del(first) })
	for range 2 {
		if h := r.history(); h.Total != 0 {
			t.Errorf("%+v", h.Suspicions)
		}
		if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, KeepStates: 1, Confirm: yes}); err != nil {
			t.Error(err)
		}
	}
}

// After versions were dropped the history still knows which deletions were a run's:
// what is kept of the past is not made suspicious.
func TestDropKeepsWhatHistoryNeeds(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.backup()
	r.backup()
	r.forgetAndPrune() // the states before still name what it deleted
	r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	res, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{KeepStates: 4})
	if err != nil || len(res.Kept) != 4 || res.States != 1 {
		t.Fatalf("%v %+v", err, res)
	}
	h := r.history()
	if h.Total != 0 || h.LastGoodState == nil || h.LastGoodState.Key != res.State.Key {
		t.Errorf("%+v %+v", h.LastGoodState, h.Suspicions)
	}
	deleted := false
	for _, st := range h.Steps {
		for _, c := range st.Counts {
			deleted = deleted || c.Type == TypePack && c.Change == Deleted
		}
	}
	if !deleted {
		t.Error("no deletion is left that could have been suspicious")
	}
}

// A state that names what an attacker has put over a pack does not count as proved,
// though the pack is there with its size: the prover is told to read it.
func TestKeptStatesAreProvedByContent(t *testing.T) {
	r := newFakeRestic(t)
	good := r.backup()
	pack := r.packs[0]
	body, spoilt := contents(t, r.admin, r.bucket)[pack], ""
	r.srv.AdvanceClock(t, time.Hour)
	spoilt = r.put(pack, strings.Repeat("x", len(body)))
	r.save()
	r.srv.AdvanceClock(t, time.Hour)
	r.put(pack, body)
	r.srv.AdvanceClock(t, time.Hour)
	prover := func(_ context.Context, at *View, suspect func(string) bool) (*Proof, error) {
		if !suspect(pack) || suspect(r.packs[1]) {
			t.Errorf("in doubt: %v, %v", suspect(pack), suspect(r.packs[1]))
		}
		if o, _ := at.Get(pack); o.VersionID == spoilt {
			return &Proof{Verdict: Broken, Reason: "a pack is damaged"}, nil
		}
		return &Proof{Verdict: Proved}, nil
	}
	res, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{KeepStates: 1, Prover: prover})
	if err != nil || len(res.Kept) != 1 || res.Kept[0].Key != good.Key {
		t.Errorf("%v: kept %+v, not %s", err, res.Kept, good.Key)
	}
}
