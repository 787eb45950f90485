package s3state

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// At every moment, by time and by state, the bucket is seen and restored as it
// was, although all has been overwritten or deleted.
func TestTimeTravel(t *testing.T) {
	w := newWorld(t)
	clock := time.Now().Add(-100 * time.Hour).Truncate(time.Second)
	type moment struct {
		at    time.Time
		state *SavedState
		want  map[string]string
	}
	var moments []moment
	mark := func() {
		m := moment{want: contents(t, w.admin, w.bucket), state: w.save()}
		clock = clock.Add(time.Hour)
		w.srv.SetClock(t, clock)
		m.at = clock.Add(-time.Second)
		moments = append(moments, m)
	}
	w.srv.SetClock(t, clock)
	w.put("config", "c")
	w.put("data/00/a", "a1")
	mark()
	w.put("data/00/a", "a2")
	w.put("data/00/b", "b")
	mark()
	w.del("data/00/a")
	mark()
	w.put("data/00/a", "a3")
	w.del("config")
	mark()
	for k := range contents(t, w.admin, w.bucket) {
		w.put(k, "evil")
		w.del(k)
	}
	if _, err := w.admin.View(w.ctx, w.bucket, Moment{At: moments[0].at.Add(-48 * time.Hour)}, ViewOptions{}); !errors.Is(err, ErrNoState) {
		t.Errorf("before the beginning: %v", err)
	}
	var times []time.Time
	for _, m := range moments {
		times = append(times, m.at)
	}
	views, err := w.admin.Views(w.ctx, w.bucket, times, ViewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range moments {
		w.sameView(views[i], m.at)
		for _, at := range []Moment{{At: m.at}, {StateKey: m.state.Key, StateVersion: m.state.VersionID}} {
			v, err := w.admin.View(w.ctx, w.bucket, at, ViewOptions{Verify: true})
			if err != nil || v.Verification.Status != Verified {
				t.Fatalf("%d %+v: %v", i, at, err)
			}
			got := make(map[string]string)
			for o := range v.All("") {
				if isState(&Version{Key: o.Key}) {
					continue
				}
				r, err := w.admin.client.GetObject(w.ctx, w.bucket, o.Key, minio.GetObjectOptions{VersionID: o.VersionID})
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(r)
				if err != nil || int64(len(data)) != o.Size || o.LastModified.IsZero() {
					t.Fatalf("%+v: %v", o, err)
				}
				got[o.Key] = string(data)
			}
			maps.DeleteFunc(m.want, func(k, _ string) bool { return isState(&Version{Key: k}) })
			if !maps.Equal(got, m.want) {
				t.Errorf("%d %+v: %q, not %q", i, at, got, m.want)
			}
			if _, ok := v.Get("data/00/a"); ok != (m.want["data/00/a"] != "") {
				t.Errorf("%d: Get", i)
			}
			for range v.All("data/") {
				break
			}
		}
		target := w.srv.Bucket(t)
		if _, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{At: m.at}}); err != nil {
			t.Fatalf("restore at %v: %v", m.at, err)
		}
		restored := contents(t, w.admin, target)
		maps.DeleteFunc(restored, func(k, _ string) bool { return isState(&Version{Key: k}) })
		if !maps.Equal(restored, m.want) {
			t.Errorf("restored at %d: %q, not %q", i, restored, m.want)
		}
	}
	for _, m := range []Moment{{}, {StateKey: "x", At: time.Now()}} {
		if _, err := w.admin.View(w.ctx, w.bucket, m, ViewOptions{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

// sameView compares a view of several with the one for its time alone.
func (w *world) sameView(got *View, at time.Time) {
	w.t.Helper()
	want, err := w.admin.View(w.ctx, w.bucket, Moment{At: at}, ViewOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	if got.Len() != want.Len() || !got.Time.Equal(at) || got.Bucket != w.bucket {
		w.t.Errorf("%s: %d objects of %s, not %d", got.Time, got.Len(), got.Bucket, want.Len())
	}
	for _, prefix := range []string{"", "data/", "data/00/a", "nothing"} {
		if a, b := slices.Collect(got.All(prefix)), slices.Collect(want.All(prefix)); !slices.Equal(a, b) {
			w.t.Errorf("%s, %q: %v, not %v", at, prefix, a, b)
		}
	}
	for o := range got.All("") { // may end early
		if found, ok := got.Get(o.Key); !ok || found != o {
			w.t.Errorf("%s: %v, %v", at, o, found)
		}
		break
	}
}

// Several views of one listing are refused as single ones are.
func TestViewsRefused(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	now := time.Now()
	for name, times := range map[string][]time.Time{
		"too early": {now.Add(time.Hour), now.Add(-time.Hour)}, "no time": {now.Add(time.Hour), {}}, "too many": make([]time.Time, 9),
	} {
		if views, err := w.admin.Views(w.ctx, w.bucket, times, ViewOptions{}); err == nil || (name == "too early") != errors.Is(err, ErrNoState) {
			t.Errorf("%s: %v, %v", name, views, err)
		}
	}
}

// The objects that a forged state leaves out, or puts in, are named.
func TestViewOfForgedState(t *testing.T) {
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-10*time.Hour))
	w.put("config", "c")
	w.put("data/00/a", "a")
	w.srv.AdvanceClock(t, time.Hour)
	st := w.forge(w.save(), func(m map[string]any) { entryOf(m, "data/00/a")["IsLatest"] = false })
	v, err := w.admin.View(w.ctx, w.bucket, Moment{StateKey: st.Key, StateVersion: st.VersionID}, ViewOptions{Verify: true})
	other := func(d Difference) bool { return d.Key != "data/00/a" }
	if !errors.Is(err, ErrStateDiffers) || v == nil || v.Verification.Total == 0 || slices.ContainsFunc(v.Verification.Differences, other) {
		t.Errorf("%v %+v", err, v)
	}
	if v, err := w.admin.View(w.ctx, w.bucket, Moment{StateKey: st.Key, StateVersion: st.VersionID}, ViewOptions{}); err != nil || v.Verification != nil {
		t.Errorf("unverified: %v", err)
	}
}

// A view of the future is what is current, whatever an upload in parts is dated to:
// what an attacker has written over is not taken for there.
func TestViewOfWhatIsCurrent(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	core := minio.Core{Client: w.srv.Client(t, w.srv.Host)}
	id, err := core.NewMultipartUpload(t.Context(), w.bucket, "config", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := core.PutObjectPart(t.Context(), w.bucket, "config", id, 1, strings.NewReader("spoilt"), 6, minio.PutObjectPartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	up, err := core.CompleteMultipartUpload(t.Context(), w.bucket, "config", id,
		[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for ahead, spoilt := range map[time.Duration]bool{time.Hour: false, 365 * 24 * time.Hour: true} {
		v, err := w.admin.View(t.Context(), w.bucket, Moment{At: time.Now().Add(ahead)}, ViewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := v.Get("config"); !ok || (o.VersionID == up.VersionID) != spoilt {
			t.Errorf("%v ahead: %+v", ahead, o)
		}
	}
}

// An error about what is current, which a time ahead of any clock asks for, does not
// name that time.
func TestViewOfAnEmptyBucket(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.del("config")
	_, err := w.admin.View(w.ctx, w.bucket, Moment{At: time.Now().Add(24 * time.Hour)}, ViewOptions{})
	if !errors.Is(err, ErrNoState) || err.Error() != "bucket "+w.bucket+" holds no object" {
		t.Error(err)
	}
}
