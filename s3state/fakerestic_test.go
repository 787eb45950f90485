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
	lock, lockBody            string // of the last run
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
	r.lockBody = r.body("lock")
	r.lock = r.blob("locks", r.lockBody)
	work()
	r.del(r.lock)
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

// pruneRemains is what prune does after a backup that was interrupted: packs that no
// index knows go, and nothing else changes.
func (r *fakeRestic) pruneRemains() *SavedState {
	remains := r.blob("data", r.body("pack"))
	return r.run(func() { r.del(remains) })
}

// longPrune renews its lock, and deletes hours after it has begun.
func (r *fakeRestic) longPrune() *SavedState {
	return r.run(func() {
		lock := r.blob("locks", r.body("lock"))
		for range 20 {
			r.srv.AdvanceClock(r.t, 20*time.Minute)
			next := r.blob("locks", r.body("lock"))
			r.del(lock)
			lock = next
		}
		r.indexes = append(r.indexes, r.blob("index", r.body("index")))
		r.del(r.packs[0])
		r.packs = r.packs[1:]
		r.del(lock)
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

func (r *fakeRestic) lastState() *SavedState {
	r.t.Helper()
	states, err := r.admin.States(r.ctx, r.bucket)
	if err != nil || len(states) == 0 {
		r.t.Fatalf("%v %v", states, err)
	}
	return &states[len(states)-1]
}
