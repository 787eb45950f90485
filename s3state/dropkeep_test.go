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

	"github.com/cesnet/rwm/internal/s3test"
)

// For a random history: a dry run counts what the real run removes, every kept
// state can be verified and restored as before, what is current stays, and a
// second run finds nothing more to remove.
func TestDropKeepsStates(t *testing.T) {
	base := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := *base
		w.bucket = base.srv.Bucket(t)
		if _, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{}); err != nil {
			rt.Fatal(err)
		}
		clock := time.Now().Add(-1000 * time.Hour)
		type saved struct {
			st   *SavedState
			want map[string]string
		}
		var states []saved
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
		}
		clock = clock.Add(time.Hour)
		w.srv.SetClock(t, clock)
		opts := DropOptions{KeepStates: rapid.IntRange(0, 3).Draw(rt, "n")}
		if opts.KeepStates > 0 && rapid.Bool().Draw(rt, "within") {
			opts.KeepWithin = 1001*time.Hour - time.Duration(rapid.IntRange(0, 12).Draw(rt, "hours"))*time.Hour
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
		after := contents(t, w.admin, w.bucket)
		for _, m := range []map[string]string{before, after} {
			maps.DeleteFunc(m, func(k, _ string) bool { return strings.HasPrefix(k, "rwm/") })
		}
		if !maps.Equal(before, after) {
			rt.Fatalf("current objects: %q, not %q", after, before)
		}
		if opts.KeepStates == 0 {
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

// A drop that is to be safe refuses a bucket after an attack, and says why.
func TestDropRefusesIncompleteStorage(t *testing.T) {
	for name, attack := range map[string]func(w *world, pack string){
		"a pack overwritten":   func(w *world, pack string) { w.put(pack, "evil") },
		"and a state saved":    func(w *world, pack string) { w.put(pack, "evil"); w.srv.AdvanceClock(w.t, time.Hour); w.save() },
		"a pack deleted":       func(w *world, pack string) { w.del(pack) },
		"the config replaced":  func(w *world, _ string) { w.put("config", "evil") },
		"a snapshot deleted":   func(w *world, _ string) { w.del("snapshots/s") },
		"a state of something": func(w *world, _ string) { w.put(statePrefix+"x"+stateSuffix, "junk") },
		// States that were saved after it miss nothing.
		"the config deleted, and a state saved": func(w *world, _ string) { w.del("config"); w.srv.AdvanceClock(w.t, time.Hour); w.save() },
		"the keys deleted, and a state saved": func(w *world, _ string) {
			w.del(w.blob("keys", "key"))
			w.srv.AdvanceClock(w.t, time.Hour)
			w.save()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.srv.SetClock(t, time.Now().Add(-100*time.Hour))
			w.put("config", "c")
			w.put("snapshots/s", "s")
			pack := w.blob("data", "pack")
			w.put("locks/l", "l")
			w.srv.AdvanceClock(t, time.Hour)
			w.save()
			w.srv.AdvanceClock(t, time.Hour)
			w.del("locks/l")
			w.blob("data", "another")
			if c, err := w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{ReadPercent: 100}); err != nil || !c.OK || c.State == nil || c.Read != c.Objects {
				t.Fatalf("before: %v %+v", err, c)
			}
			attack(w, pack)
			before := dump(t, w.admin, w.bucket)
			res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{RequireComplete: true})
			if !errors.Is(err, ErrIncomplete) || res.Check == nil || len(res.Check.Problems) == 0 {
				t.Errorf("%v", err)
			}
			if !slices.Equal(before, dump(t, w.admin, w.bucket)) {
				t.Error("something was changed")
			}
			if _, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil {
				t.Errorf("without the check: %v", err)
			}
		})
	}
}

// What an intruder deleted before the last state was saved is complete by that state,
// but not by the history. Who has looked at it can drop nevertheless.
func TestDropRefusesSuspiciousHistory(t *testing.T) {
	r := newFakeRestic(t)
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, DryRun: true}); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "no saved state") {
		t.Errorf("before any state: %v", err)
	}
	r.backup()
	r.backup()
	r.forgetAndPrune()
	safe := DropOptions{RequireComplete: true, DryRun: true}
	if res, err := r.admin.DropVersions(r.ctx, r.bucket, safe); err != nil || res.OldVersions == 0 || res.Check.Suspicious != 0 {
		t.Fatalf("after ordinary runs: %v %+v", err, res)
	}
	pack := r.packs[0]
	r.srv.AdvanceClock(t, time.Hour)
	r.del(pack)
	r.srv.AdvanceClock(t, time.Hour)
	r.save()
	before := dump(t, r.admin, r.bucket)
	res, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true})
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), pack) || !res.Check.OK || res.Check.Suspicious != 1 {
		t.Errorf("%v %+v", err, res.Check)
	}
	if !slices.Equal(before, dump(t, r.admin, r.bucket)) {
		t.Error("something was changed")
	}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Reviewed: true}); err != nil {
		t.Errorf("reviewed: %v", err)
	}
}

// What is written again with the same size and ETag may still be out of reach, and what
// History reads counts as much as what it sees in the listing.
func TestDropReadsBeforeItRemoves(t *testing.T) {
	r := newFakeRestic(t)
	pack := r.body("pack")
	key := r.blob("data", pack)
	r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	r.put(key, pack)
	safe := DropOptions{RequireComplete: true, DryRun: true}
	if res, err := r.admin.DropVersions(r.ctx, r.bucket, safe); err != nil || res.OldVersions == 0 {
		t.Fatalf("%v %+v", err, res)
	}
	r.srv.Inject(t, s3test.Fault{Method: "GET", Path: key, Kind: s3test.Status, Status: 400, Code: "InvalidRequest"})
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, safe); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("written again: %v", err)
	}
	r.srv.ClearFaults(t)
	r.srv.AdvanceClock(t, time.Hour)
	r.put("locks/"+strings.Repeat("0", 64), strings.Repeat("l", 100)) // its name is not its hash
	r.del(r.packs[0])
	r.del("locks/" + strings.Repeat("0", 64))
	r.srv.AdvanceClock(t, time.Hour)
	r.save()
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, safe); !errors.Is(err, ErrIncomplete) {
		t.Errorf("under a lock that is none: %v", err)
	}
}

// Nobody but who knows the password can tell whether the keys that are there open the
// repository.
func TestDropAfterTheKeysWereChanged(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.run(func() {
		for k := range contents(t, r.admin, r.bucket) {
			if TypeOf(k) == TypeKey {
				r.del(k)
			}
		}
		r.blob("keys", r.body("key"))
	})
	yes := func(context.Context, *View) (bool, error) { return true, nil }
	no := func(context.Context, *View) (bool, error) { return false, nil }
	for name, c := range map[string]struct {
		opts DropOptions
		ok   bool
	}{
		"nobody knows": {DropOptions{}, false}, "one who knows not": {DropOptions{Confirm: no}, false},
		"the owner": {DropOptions{Confirm: yes}, true}, "reviewed": {DropOptions{Reviewed: true}, true},
	} {
		c.opts.RequireComplete, c.opts.DryRun = true, true
		if _, err := r.admin.DropVersions(r.ctx, r.bucket, c.opts); (err == nil) != c.ok || !c.ok && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
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

// What was there when the oldest kept state was saved counts, not what was written then: a
// snapshot made long before must not be missed when the ones after it are counted.
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
		if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, KeepStates: 1}); err != nil {
			t.Error(err)
		}
	}
}

// Nobody needs a state of a bucket in which nothing ever was.
func TestDropOfAnEmptyBucket(t *testing.T) {
	w := newWorld(t)
	if res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{RequireComplete: true}); err != nil || res.State == nil {
		t.Errorf("%v %+v", err, res)
	}
}

// Reading finds objects that never were what their names say.
func TestCheckStorageReadsData(t *testing.T) {
	w := newWorld(t)
	good := w.blob("data", "good")
	bad := strings.Replace(good, good[len(good)-1:], "f", 1)
	if bad == good {
		bad = good[:len(good)-1] + "0"
	}
	bad = "data/" + bad[8:10] + "/" + bad[8:]
	w.put(bad, "never right")
	st := w.save()
	for _, m := range []Moment{{}, {StateKey: st.Key, StateVersion: st.VersionID}, {At: time.Now().Add(time.Hour)}} {
		c, err := w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{Moment: m, ReadPercent: 100})
		if err != nil || c.OK || c.Total != 1 || c.Problems[0].Key != bad {
			t.Errorf("%+v: %v %+v", m, err, c)
		}
		if c, err = w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{Moment: m}); err != nil || !c.OK {
			t.Errorf("without reading, %+v: %v %+v", m, err, c)
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
