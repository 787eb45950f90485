package s3state

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// fakeRestic does to a bucket what runs of restic do, an hour apart.
type fakeRestic struct {
	*world
	n                         int
	packs, indexes, snapshots []string
}

func newFakeRestic(t *testing.T) *fakeRestic {
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-1000*time.Hour))
	r := &fakeRestic{world: w}
	r.put("config", strings.Repeat("c", 155))
	r.blob("keys", r.body("key"))
	return r
}

func (r *fakeRestic) body(kind string) string {
	r.n++
	return fmt.Sprintf("%s %d %s", kind, r.n, strings.Repeat("x", 100))
}

// run lets an hour pass, locks, works and unlocks.
func (r *fakeRestic) run(work func()) *SavedState {
	r.srv.AdvanceClock(r.t, time.Hour)
	lock := r.blob("locks", r.body("lock"))
	work()
	r.del(lock)
	r.srv.AdvanceClock(r.t, time.Second)
	return r.save()
}

func (r *fakeRestic) backup() *SavedState {
	return r.run(func() {
		r.packs = append(r.packs, r.blob("data", r.body("pack")), r.blob("data", r.body("pack")))
		r.indexes = append(r.indexes, r.blob("index", r.body("index")))
		r.snapshots = append(r.snapshots, r.blob("snapshots", r.body("snapshot")))
	})
}

func (r *fakeRestic) forgetAndPrune() *SavedState {
	return r.run(func() {
		r.del(r.snapshots[0])
		r.snapshots = r.snapshots[1:]
		index := r.blob("index", r.body("index"))
		for _, k := range r.indexes {
			r.del(k)
		}
		r.indexes = []string{index}
		r.del(r.packs[0])
		r.packs = r.packs[1:]
	})
}

func (r *fakeRestic) history() *History {
	r.t.Helper()
	h, err := r.admin.History(r.ctx, r.bucket, HistoryOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func TestHistoryOfOrdinaryRuns(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	r.backup()
	r.forgetAndPrune()
	st := r.backup()
	h := r.history()
	if h.Total != 0 || len(h.Suspicions) != 0 {
		t.Errorf("suspicions: %+v", h.Suspicions)
	}
	if len(h.Steps) != 5 || len(h.States) != 4 {
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
	if packs != 6 {
		t.Errorf("%d packs were written", packs)
	}
}

// Whatever the attack, the moment before it is found, and all is as it was then.
func TestHistoryNamesTheLastGoodMoment(t *testing.T) {
	for name, attack := range map[string]func(r *fakeRestic){
		"packs overwritten": func(r *fakeRestic) { r.put(r.packs[1], "evil") },
		"all deleted": func(r *fakeRestic) {
			for k := range contents(r.t, r.admin, r.bucket) {
				r.del(k)
			}
		},
		"packs deleted":        func(r *fakeRestic) { r.del(r.packs[0]); r.del(r.packs[1]) },
		"snapshots deleted":    func(r *fakeRestic) { r.del(r.snapshots[0]); r.del(r.snapshots[1]) },
		"config overwritten":   func(r *fakeRestic) { r.put("config", "evil") },
		"config deleted":       func(r *fakeRestic) { r.del("config") },
		"an index overwritten": func(r *fakeRestic) { r.put(r.indexes[0], "evil") },
		"short snapshots":      func(r *fakeRestic) { r.blob("snapshots", "short") },
		"strangers":            func(r *fakeRestic) { r.put("README-RANSOM.txt", "pay") },
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

func TestTypeOf(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for key, want := range map[string]FileType{
		"config": TypeConfig, "keys/" + id: TypeKey, "locks/" + id: TypeLock, "index/" + id: TypeIndex, "snapshots/" + id: TypeSnapshot,
		"data/0a/" + id: TypePack, "data/0b/" + id: TypeOther, "data/" + id: TypeOther, "index/" + id[1:]: TypeOther, "index/" + strings.ToUpper(id): TypeOther,
		"x": TypeOther, "configs": TypeOther, statePrefix + "x": TypeState,
	} {
		if got := TypeOf(key); got != want {
			t.Errorf("%q is %s, not %s", key, got, want)
		}
	}
}
