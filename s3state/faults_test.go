package s3state

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// everyFault is what can go wrong at the S3 seam.
var everyFault = []s3test.Fault{
	{Kind: s3test.Status, Status: 503, Code: "SlowDown"},
	{Kind: s3test.Status, Status: 500, Code: "InternalError"},
	{Kind: s3test.Reset},
	{Kind: s3test.ResetAfter},
	{Kind: s3test.Truncate},
	{Kind: s3test.Stall},
	{Kind: s3test.StallBody},
	{Kind: s3test.ErrorIn200, Code: "InternalError"},
	{Kind: s3test.Status, Status: 403, Code: "ExpiredToken"},
}

// seam is an operation under test: prepare a bucket, run, and check what must
// hold after success and after failure.
type seam struct {
	prepare func(w *world)
	run     func(w *world, s *Store) error
	done    func(t *testing.T, w *world)
	failed  func(t *testing.T, w *world)
	reads   bool // run changes nothing in the bucket: one bucket serves for all
	id      func(w *world) s3test.Identity
}

// everywhere lets each request of an operation fail in each way, once and from there
// on: for a release each by each, in other runs each way at every fifth request,
// beginning with another one for each way, so that no request is left out. The
// operation must succeed, or fail with an error that names the place; then running it
// again without the fault must succeed.
func everywhere(t *testing.T, sm seam) {
	base := newWorld(t)
	var prepared *world
	fresh := func(t *testing.T, stalls bool) (*world, *s3test.Faults, *Store) {
		if prepared == nil || !sm.reads {
			prepared = base.another(t)
			sm.prepare(prepared)
		}
		again := *prepared
		w := &again
		f := &s3test.Faults{}
		timeout := 20 * time.Second // a busy machine takes its time
		if stalls {
			timeout = 150 * time.Millisecond
			if external() {
				timeout = time.Second
			}
		}
		return w, f, w.storeVia(sm.id(w), f, WithRequestTimeout(timeout), WithParallel(4))
	}
	w, f, s := fresh(t, false)
	if err := sm.run(w, s); err != nil {
		t.Fatalf("without faults: %v", err)
	}
	sm.done(t, w)
	total := len(f.Requests())
	t.Logf("%d requests", total)

	for way, fault := range everyFault {
		for _, times := range []int{1, 0} {
			step := harness.Size(5, 1)
			first := way % step
			if times == 0 {
				step = max(1, total/4) // one that lasts meets what follows as well
			}
			stalls := fault.Kind == s3test.Stall || fault.Kind == s3test.StallBody
			if stalls {
				step = max(step, total/6) // these take time
			}
			for at := first; at < total; at += step {
				name := fmt.Sprintf("%s%d %s x%d from %d", fault.Kind, fault.Status, fault.Code, times, at)
				w, f, s := fresh(t, stalls)
				fault.Times, fault.After, fault.Path = times, at, "."
				f.Inject(fault)
				err := sm.run(w, s)
				f.Clear()
				if err != nil {
					if !strings.Contains(err.Error(), w.bucket) && !strings.Contains(err.Error(), "target-"+w.bucket[9:]) && !strings.Contains(err.Error(), "list buckets") {
						t.Errorf("%s: the error does not name the place: %v", name, err)
					}
					if times == 1 && fault.Code != "ExpiredToken" {
						t.Errorf("%s: a fault that passes is not survived: %v", name, err)
					}
					if sm.failed != nil {
						sm.failed(t, w)
					}
					if err := sm.run(w, w.store(sm.id(w))); err != nil {
						t.Errorf("%s: running it again: %v", name, err)
						continue
					}
				}
				sm.done(t, w)
				if t.Failed() {
					t.Fatalf("%s (first error: %v)", name, err)
				}
			}
		}
	}
}

func fill(w *world) {
	for i := range 5 {
		w.put(fmt.Sprintf("data/%02x/x", i), fmt.Sprint("old ", i))
		w.put(fmt.Sprintf("data/%02x/x", i), fmt.Sprint("new ", i))
	}
	w.put("deleted", "x")
	w.del("deleted")
	w.put("twice", "x")
	w.del("twice")
	w.put("twice", "y")
	w.del("twice")
}

func hostID(w *world) s3test.Identity  { return w.srv.Host }
func adminID(w *world) s3test.Identity { return w.srv.Admin }

func TestFaultsDuringSave(t *testing.T) {
	t.Parallel()
	everywhere(t, seam{
		id: hostID, prepare: fill,
		run: func(w *world, s *Store) error {
			_, err := s.Save(w.ctx, w.bucket, CaptureOptions{})
			return err
		},
		done: func(t *testing.T, w *world) {
			states, err := w.admin.States(w.ctx, w.bucket)
			if err != nil || len(states) == 0 {
				t.Fatalf("%v, %d states", err, len(states))
			}
			for _, st := range states { // none is half-written
				if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Verified {
					t.Errorf("state %s: %v %+v", st.Key, err, v)
				}
			}
		},
	})
}

func TestFaultsDuringRestore(t *testing.T) {
	t.Parallel()
	targets := make(map[*world]string)
	target := func(w *world) string {
		if targets[w] == "" {
			targets[w] = fmt.Sprintf("target-%s-%d", w.bucket[9:], len(targets))
		}
		return targets[w]
	}
	saved := make(map[string]*SavedState)
	everywhere(t, seam{
		id:      adminID,
		reads:   true,
		prepare: func(w *world) { fill(w); saved[w.bucket] = w.save(); w.del("data/00/x") },
		run: func(w *world, s *Store) error {
			st := saved[w.bucket]
			_, err := s.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target(w), Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}})
			return err
		},
		failed: func(t *testing.T, w *world) {
			found, err := w.admin.exists(w.ctx, target(w))
			if err != nil {
				t.Fatal(err)
			}
			if !found {
				return
			}
			check, err := w.admin.CheckPolicy(w.ctx, target(w))
			if err != nil {
				t.Fatal(err)
			}
			if check.OK || check.UnfinishedRestore == nil {
				// Complete but for the last look, or not marked yet: the error
				// says that the bucket is to be removed.
				if _, err := w.admin.Delete(w.ctx, target(w), DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		},
		done: func(t *testing.T, w *world) {
			got := contents(t, w.admin, target(w))
			if len(got) != 5 || got["data/00/x"] != "new 0" {
				t.Errorf("target holds %q", got)
			}
			if check, err := w.admin.CheckPolicy(w.ctx, target(w)); err != nil || !check.OK {
				t.Errorf("%v %+v", err, check)
			}
		},
	})
}

func TestFaultsDuringDrop(t *testing.T) {
	t.Parallel()
	want := make(map[string]map[string]string)
	repository := func(t *testing.T, w *world) map[string]string {
		got := contents(t, w.admin, w.bucket)
		maps.DeleteFunc(got, func(k, _ string) bool { return strings.HasPrefix(k, "rwm/") })
		return got
	}
	everywhere(t, seam{
		id: adminID,
		prepare: func(w *world) {
			fill(w)
			w.save()
			want[w.bucket] = repository(t, w)
		},
		run: func(w *world, s *Store) error {
			_, err := s.DropVersions(w.ctx, w.bucket, DropOptions{})
			return err
		},
		failed: func(t *testing.T, w *world) {
			if got := repository(t, w); !maps.Equal(got, want[w.bucket]) {
				t.Errorf("an interrupted drop left %q", got)
			}
			states, err := w.admin.States(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			usable := 0
			for _, st := range states {
				if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err == nil && v.TotalMissing == 0 && v.Total == 0 && st.IsLatest {
					usable++
				}
			}
			if usable == 0 {
				t.Error("an interrupted drop left no usable state")
			}
		},
		done: func(t *testing.T, w *world) {
			if got := repository(t, w); !maps.Equal(got, want[w.bucket]) {
				t.Errorf("the drop left %q", got)
			}
			info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if info.OldVersions != 0 || info.DeleteMarkers != 0 || len(info.States) != 1 {
				t.Errorf("%d old versions, %d markers, %d states are left", info.OldVersions, info.DeleteMarkers, len(info.States))
			}
			if v, err := w.admin.VerifyState(w.ctx, w.bucket, info.States[0].Key, info.States[0].VersionID); err != nil || v.Status != Verified {
				t.Errorf("%v %+v", err, v)
			}
		},
	})
}
