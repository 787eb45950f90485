package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHistoryOfOrdinaryRuns(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.backup()
	r.forgetAndPrune()
	r.backup()
	r.pruneRemains()
	r.longPrune()
	st := r.backup()
	h := r.history()
	if h.Total != 0 || len(h.Suspicions) != 0 {
		t.Errorf("suspicions: %+v", h.Suspicions)
	}
	if len(h.Steps) != 8+20 || len(h.States) != 7 {
		t.Errorf("%d steps, %d states", len(h.Steps), len(h.States))
	}
	if h.LastGoodState == nil || h.LastGoodState.Key != st.Key || !h.LastGood.Equal(h.LastGoodState.Time) {
		t.Errorf("last good: %v %+v", h.LastGood, h.LastGoodState)
	}
	var packs int64
	for _, step := range h.Steps {
		for _, c := range step.Counts {
			if c.Type == TypePack && c.Change == Written {
				packs += c.N
			}
		}
	}
	if packs != 9 {
		t.Errorf("%d packs were written", packs)
	}
}

// For every attack, the moment before it is found, and everything is as it was then.
func TestHistoryNamesTheLastGoodMoment(t *testing.T) {
	for name, attack := range map[string]func(r *fakeRestic){
		"packs overwritten": func(r *fakeRestic) { r.put(r.packs[1], "evil") },
		"all deleted": func(r *fakeRestic) {
			for k := range contents(r.t, r.admin, r.bucket) {
				r.del(k)
			}
		},
		"packs deleted":             func(r *fakeRestic) { r.del(r.packs[0]); r.del(r.packs[1]) },
		"snapshots deleted":         func(r *fakeRestic) { r.del(r.snapshots[0]); r.del(r.snapshots[1]) },
		"config overwritten":        func(r *fakeRestic) { r.put("config", "evil") },
		"config deleted":            func(r *fakeRestic) { r.del("config") },
		"an index overwritten":      func(r *fakeRestic) { r.put(r.indexes[0], "evil") },
		"short snapshots":           func(r *fakeRestic) { r.blob("snapshots", "short") },
		"a single snapshot deleted": func(r *fakeRestic) { r.del(r.snapshots[0]) },
		"packs deleted and written again": func(r *fakeRestic) {
			r.put("locks/"+strings.Repeat("0", 64), strings.Repeat("l", 100)) // no lock either
			r.del(r.packs[0])
			r.put(r.packs[0], strings.Repeat("evil", 100))
		},
		"with a lock that is none": func(r *fakeRestic) {
			r.put("locks/"+strings.Repeat("0", 64), strings.Repeat("l", 100))
			r.del(r.packs[0])
		},
		"with a lock that was there before": func(r *fakeRestic) {
			r.put(r.lock, r.lockBody)
			r.del(r.packs[0])
			r.del(r.lock)
		},
		"with a lock that is too short": func(r *fakeRestic) {
			r.put("locks/"+strings.Repeat("0", 64), "l")
			r.del(r.packs[0])
		},
		"with a lock that is too large": func(r *fakeRestic) {
			lock := r.blob("locks", strings.Repeat("l", readLargestLock+1))
			r.del(r.packs[0])
			r.del(lock)
		},
		"an index that is too large": func(r *fakeRestic) { r.put("index/"+strings.Repeat("5", 64), strings.Repeat("x", readLargest+1)) },
		"an index that is none":      func(r *fakeRestic) { r.put("index/"+strings.Repeat("5", 64), strings.Repeat("x", 200)) },
		"a snapshot that is none":    func(r *fakeRestic) { r.put("snapshots/"+strings.Repeat("5", 64), strings.Repeat("x", 200)) },
		"a forged state": func(r *fakeRestic) {
			r.forge(r.lastState(), func(m map[string]any) { m["versions"] = []any{} })
		},
		"an unreadable state": func(r *fakeRestic) { r.put(statePrefix+"2030-01-01T00:00:00.000000+00:00.json.gz", "rubbish") },
		"the only key deleted": func(r *fakeRestic) {
			for k := range contents(r.t, r.admin, r.bucket) {
				if strings.HasPrefix(k, "keys/") {
					r.del(k)
				}
			}
		},
		"during a backup": func(r *fakeRestic) {
			r.run(func() { r.blob("data", r.body("pack")); r.put(r.packs[0], "evil") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRestic(t)
			r.backup()
			good := r.backup()
			want := contents(t, r.admin, r.bucket)
			r.srv.AdvanceClock(t, time.Hour)
			attack(r)
			r.backup() // the host goes on as if nothing were
			h := r.history()
			if h.Total == 0 || len(h.Suspicions) == 0 || h.Suspicions[0].Reason == "" {
				t.Fatalf("nothing was noticed: %+v", h)
			}
			if h.LastGoodState == nil || h.LastGoodState.Key != good.Key {
				t.Errorf("last good: %v %+v, first suspicion %+v", h.LastGood, h.LastGoodState, h.Suspicions[0])
			}
			v, err := r.admin.View(r.ctx, r.bucket, Moment{At: h.LastGood}, ViewOptions{})
			if err != nil || v.Len() != len(want) {
				t.Errorf("%v, %d objects, not %d", err, v.Len(), len(want))
			}
		})
	}
}

// An object that does not belong is a mark of its own: it neither ends the good time
// nor hides what comes after it.
func TestHistoryOfAStranger(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	r.put("README.txt", "hello")
	good := r.backup()
	h := r.history()
	if h.Total != 0 || h.TotalNotes != 1 || h.Notes[0].Standing != Noted || h.LastGoodState == nil || h.LastGoodState.Key != good.Key {
		t.Errorf("%+v", h)
	}
	r.srv.AdvanceClock(t, time.Hour)
	r.put(r.packs[0], "evil")
	r.backup()
	if h := r.history(); h.Total != 1 || h.LastGoodState == nil || h.LastGoodState.Key != good.Key {
		t.Errorf("%+v", h)
	}
}

// What a person has looked at no longer counts, in history and in drop.
func TestHistoryReviewed(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.backup()
	r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	r.del(r.snapshots[0])
	last := r.backup()
	h := r.history()
	if h.Total != 1 {
		t.Fatalf("%+v", h.Suspicions)
	}
	until := h.Suspicions[0].Time
	drop := DropOptions{RequireComplete: true, DryRun: true, Confirm: yes}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, drop); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("before: %v", err)
	}
	h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{ReviewedUntil: until})
	if err != nil || h.Total != 0 || h.TotalNotes != 1 || h.Notes[0].Standing != Reviewed || h.LastGoodState == nil || h.LastGoodState.Key != last.Key {
		t.Errorf("%v %+v", err, h)
	}
	drop.ReviewedUntil = until
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, drop); err != nil {
		t.Errorf("reviewed: %v", err)
	}
	r.srv.AdvanceClock(t, time.Hour)
	r.del(r.snapshots[1])
	if h, err = r.admin.History(r.ctx, r.bucket, HistoryOptions{ReviewedUntil: until}); err != nil || h.Total != 1 || h.LastGoodState.Key != last.Key {
		t.Errorf("once more: %v %+v", err, h)
	}
}

// What was overwritten and put right is judged by what it is now.
func TestHistoryOfARepair(t *testing.T) {
	r := newFakeRestic(t)
	body := r.body("pack")
	pack := r.blob("data", body)
	r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	r.put(pack, "rubbish of the attacker's, long enough to be a pack")
	r.srv.AdvanceClock(t, time.Hour)
	r.put(pack, body)
	last := r.backup()
	if h := r.history(); h.Total != 1 || h.Suspicions[0].VersionID == "" {
		t.Errorf("the repair is marked, too: %+v", h.Suspicions)
	}
	proved := func(context.Context, *View, func(string) bool) (*Proof, error) { return &Proof{Verdict: Proved}, nil }
	h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{Prover: proved})
	if err != nil || h.Total != 0 || h.TotalNotes != 1 || h.Notes[0].Standing != Resolved || h.LastGoodState == nil || h.LastGoodState.Key != last.Key {
		t.Errorf("%v %+v", err, h)
	}
	c, err := r.admin.CheckStorage(r.ctx, r.bucket, CheckStorageOptions{})
	if err != nil || c.Total != 0 {
		t.Errorf("%v %+v", err, c)
	}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{RequireComplete: true, DryRun: true, Confirm: yes}); err != nil {
		t.Error(err)
	}
}

// A run that was killed has left its lock, which soon counts for nothing.
func TestHistoryOfALockLeftBehind(t *testing.T) {
	r := newFakeRestic(t)
	r.blob("locks", r.body("lock"))
	good := r.backup()
	r.srv.AdvanceClock(t, time.Hour)
	r.del(r.packs[0])
	if h := r.history(); h.Total != 1 || h.LastGoodState == nil || h.LastGoodState.Key != good.Key {
		t.Errorf("%+v", h)
	}
}

// An attack right after a run belongs to the same step, and is told from it.
func TestHistoryOfAnAttackAtOnce(t *testing.T) {
	r := newFakeRestic(t)
	good := r.backup()
	r.srv.AdvanceClock(t, 5*time.Second)
	r.del(r.snapshots[0])
	r.del(r.packs[0])
	h := r.history()
	if h.Total < 2 || h.LastGoodState == nil || h.LastGoodState.Key != good.Key || h.Steps[len(h.Steps)-1].Suspicions != h.Total {
		t.Errorf("%+v", h)
	}
}

func TestRecentKeepsTheNewest(t *testing.T) {
	at := time.Unix(1e9, 0)
	for _, every := range []bool{false, true} {
		r := recent{every: every}
		for i := range 3 * readMost {
			r.add(&Version{Key: fmt.Sprint(i), LastModified: at.Add(time.Duration(i*7919%(3*readMost)) * time.Second), Size: 100})
		}
		r.trim()
		if r.total != 3*readMost || every && len(r.all) != r.total || !every && len(r.all) != readMost {
			t.Fatalf("%d of %d", len(r.all), r.total)
		}
		oldest := at.Add(time.Duration(3*readMost-len(r.all)) * time.Second)
		for _, v := range r.all {
			if v.LastModified.Before(oldest) {
				t.Fatalf("%v is not among the newest", v.LastModified)
			}
		}
	}
	r := recent{}
	for i := range 10 {
		r.add(&Version{Key: fmt.Sprint(i), Size: readMostOf / 4})
	}
	if r.trim(); len(r.all) != 4 {
		t.Errorf("%d large ones", len(r.all))
	}
	// What an attacker writes last, many or large, keeps nothing else from being read.
	r = recent{}
	add := func(kind string, n, at int, size int64) {
		for i := range n {
			r.add(&Version{Key: fmt.Sprintf("%s/%064x", kind, i*1000+at), Size: size, LastModified: time.Unix(1e9+int64(at), 0)})
		}
	}
	add("snapshots", 3, 1, 500)
	add("keys", 2, 2, 500)
	add("index", 9, 3, readMostOf/8)
	add("index", 2*readMost, 4, 100)
	add("snapshots", 9, 5, readMostOf/8)
	r.trim()
	left := make(map[FileType]map[int64]int)
	for _, v := range r.all {
		if what := TypeOf(v.Key); left[what] == nil {
			left[what] = make(map[int64]int)
		}
		left[TypeOf(v.Key)][v.Size]++
	}
	if left[TypeSnapshot][500] != 3 || left[TypeSnapshot][readMostOf/8] != 7 || left[TypeKey][500] != 2 || left[TypeIndex][100] != readMost {
		t.Errorf("%v", left)
	}
}

func TestTypeOf(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for key, want := range map[string]FileType{
		"config": TypeConfig, "keys/" + id: TypeKey, "locks/" + id: TypeLock, "index/" + id: TypeIndex, "snapshots/" + id: TypeSnapshot,
		"data/0a/" + id: TypePack, "data/0b/" + id: TypeOther, "data/" + id: TypeOther, "index/" + id[1:]: TypeOther, "index/" + strings.ToUpper(id): TypeOther,
		"x": TypeOther, "configs": TypeOther, statePrefix + "x" + stateSuffix: TypeState, canaryKey(""): TypeCanary, canaryKey(trial): TypeCanary,
		statePrefix + "x": TypeOther, "rwm/x": TypeOther, treesPrefix + id: TypeTree, treesPrefix + "x": TypeOther, "p/" + treesPrefix + id: TypeOther,
	} {
		if got := TypeOf(key); got != want {
			t.Errorf("%q is %s, not %s", key, got, want)
		}
	}
}

// An attacker who knows the password can replace the config by its like at will.
// So many are no longer taken back one by one.
func TestManyReplacedConfigs(t *testing.T) {
	h := newTimeline("b")
	at := time.Now()
	for i := range 2100 {
		h.take([]Version{{Key: "config", VersionID: fmt.Sprint(i), ETag: fmt.Sprint(i), Size: 155, IsLatest: i == 0, LastModified: at.Add(-time.Duration(i) * time.Hour)}})
	}
	h.take([]Version{{Key: "snapshots/" + strings.Repeat("0", 64), VersionID: "1", Size: 200, IsLatest: true, LastModified: at.Add(-9999 * time.Hour)}})
	h.end(defaultGap)
	if h.res.Total != 2099 || len(h.configs) != maxListed {
		t.Fatalf("%d suspicions, %d configs", h.res.Total, len(h.configs))
	}
	for i := range h.configs {
		h.right(&h.configs[i])
	}
	h.sum()
	if want := 2099 - maxListed; h.res.Total != want || len(h.res.Suspicions) == 0 {
		t.Errorf("%d suspicions, %d listed", h.res.Total, len(h.res.Suspicions))
	}
}
