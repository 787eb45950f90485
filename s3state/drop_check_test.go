package s3state

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

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
			if c, err := w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{ReadPercent: 100}); err != nil || !c.Complete() || c.State == nil || c.Read != c.Objects {
				t.Fatalf("before: %v %+v", err, c)
			}
			attack(w, pack)
			before := dump(t, w.admin, w.bucket)
			res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{RequireComplete: true})
			// Since the last state, a deletion may have been forget's or prune's.
			doubt := name == "a pack deleted" || name == "a snapshot deleted"
			if !errors.Is(err, ErrUnconfirmed) || errors.Is(err, ErrStorageIncomplete) == doubt || res.Check == nil || len(res.Check.Problems) == 0 {
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

// What an attacker deleted before the last state was saved is complete by that state,
// but not by the history. Who has looked at it can drop nevertheless.
func TestDropRefusesSuspiciousHistory(t *testing.T) {
	r := newFakeRestic(t)
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, DryRun: true}); !errors.Is(err, ErrNotProved) || errors.Is(err, ErrStorageIncomplete) || !strings.Contains(err.Error(), "no saved state") {
		t.Errorf("before any state: %v", err)
	}
	r.backup()
	r.backup()
	r.backup()
	r.forgetAndPrune()
	safe := DropOptions{RequireComplete: true, DryRun: true, Confirm: yes}
	if res, err := r.admin.DropVersions(r.ctx, r.bucket, safe); err != nil || res.OldVersions == 0 || res.Check.Suspicious != 0 {
		t.Fatalf("after ordinary runs: %v %+v", err, res)
	}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, DryRun: true}); !errors.Is(err, ErrNotProved) {
		t.Errorf("without the password: %v", err)
	}
	snapshot := r.snapshots[0]
	r.srv.AdvanceClock(t, time.Hour)
	r.del(snapshot)
	r.srv.AdvanceClock(t, time.Hour)
	r.save()
	before := dump(t, r.admin, r.bucket)
	res, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, Confirm: yes})
	if !errors.Is(err, ErrUnconfirmed) || !strings.Contains(err.Error(), snapshot) || !res.Check.Complete() || res.Check.Suspicious != 1 {
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
	safe := DropOptions{RequireComplete: true, DryRun: true, Confirm: yes}
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
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, safe); !errors.Is(err, ErrUnconfirmed) {
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
	no := func(context.Context, *View) (bool, error) { return false, nil }
	for name, c := range map[string]struct {
		opts DropOptions
		ok   bool
	}{
		"nobody knows": {DropOptions{}, false}, "one who knows not": {DropOptions{Confirm: no}, false},
		"the owner": {DropOptions{Confirm: yes}, true}, "reviewed": {DropOptions{Reviewed: true}, true},
	} {
		c.opts.RequireComplete, c.opts.DryRun = true, true
		if _, err := r.admin.DropVersions(r.ctx, r.bucket, c.opts); (err == nil) != c.ok || !c.ok && !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func yes(context.Context, *View) (bool, error) { return true, nil }

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
		if !errors.Is(err, ErrStorageIncomplete) || c.OK || c.Proof.Verdict != NotProved || c.Total != 1 || c.Problems[0].Key != bad {
			t.Errorf("%+v: %v %+v", m, err, c)
		}
		if c, err = w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{Moment: m}); err != nil || !c.Complete() || c.Proof.Verdict == Proved {
			t.Errorf("without reading, %+v: %v %+v", m, err, c)
		}
	}
}
