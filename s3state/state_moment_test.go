package s3state

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// onRequest calls fn before a request that it is told of is sent.
type onRequest struct {
	base http.RoundTripper
	fn   func(*http.Request)
}

func (r onRequest) RoundTrip(req *http.Request) (*http.Response, error) {
	r.fn(req)
	return r.base.RoundTrip(req)
}

// isListing tells the request for a whole listing.
func isListing(req *http.Request) bool {
	q := req.URL.Query()
	return req.Method == http.MethodGet && q.Has("versions") && q.Get("prefix") == ""
}

const otherID = "00000000000000000000000000000000000000000000000000000000000000"

// A state that is captured while another host backs up holds either all of that backup
// or no snapshot of it.
func TestStateDuringAnotherBackup(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.put("data/aa/aa"+otherID, "old pack")
	w.put("index/aa"+otherID, "old index")
	w.put("snapshots/aa"+otherID, "old snapshot")
	gone := "snapshots/bb" + otherID
	w.put(gone, "forgotten meanwhile")
	before := "snapshots/dd" + otherID
	w.put(before, "1")
	w.del(before)
	once := false
	host := w.storeVia(w.srv.Host, onRequest{http.DefaultTransport, func(req *http.Request) {
		if once || !isListing(req) {
			return
		}
		once = true
		w.put("index/cc"+otherID, "new index")
		w.put("snapshots/cc"+otherID, "new snapshot")
		w.put("snapshots/aa"+otherID, "overwritten")
		w.put(before, "2")
		w.del(gone)
	}})
	var text bytes.Buffer
	res, err := host.Capture(w.ctx, w.bucket, &text, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(ReadState(&text))
	if err != nil {
		t.Fatal(err)
	}
	var current []string
	for _, v := range got {
		if v.IsLatest && !v.DeleteMarker {
			current = append(current, v.Key[:min(len(v.Key), 12)])
		}
	}
	slices.Sort(current)
	want := []string{"config", "data/aa/aa00", "index/aa0000", "snapshots/aa", "snapshots/bb"}
	if !once || !slices.Equal(current, want) || res.Objects != int64(len(want)) {
		t.Errorf("%q, not %q", current, want)
	}
	st, err := host.Save(w.ctx, w.bucket, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Verified {
		t.Errorf("%v %+v", err, v)
	}
}

// A prune that removes an index and its packs during a capture makes it begin again.
func TestStateDuringPrune(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.put("data/aa/aa"+otherID, "old pack")
	w.put("index/aa"+otherID, "old index")
	listings, prunes := 0, 1
	host := w.storeVia(w.srv.Host, onRequest{http.DefaultTransport, func(req *http.Request) {
		if !isListing(req) {
			return
		}
		if listings++; listings > prunes {
			return
		}
		id := string(rune('a'+listings)) + "0" + otherID
		w.put("index/"+id, "new index")
		for v, err := range w.admin.Versions(w.ctx, w.bucket, "index/") {
			if err != nil {
				t.Error(err)
			}
			if v.IsLatest && !v.DeleteMarker && v.Key != "index/"+id {
				w.del(v.Key)
			}
		}
		if listings == 1 {
			w.del("data/aa/aa" + otherID)
		}
	}})
	st, err := host.Save(w.ctx, w.bucket, CaptureOptions{})
	if err != nil || listings != 2 {
		t.Fatalf("%d listings, %v", listings, err)
	}
	v, err := w.admin.View(w.ctx, w.bucket, Moment{StateKey: st.Key, StateVersion: st.VersionID}, ViewOptions{Verify: true})
	if err != nil || v.Verification.Status != Verified {
		t.Fatal(err)
	}
	if _, ok := v.Get("index/aa" + otherID); ok || v.Len() != 2 {
		t.Errorf("%d objects", v.Len())
	}
	listings, prunes = 0, 100
	states, err := w.admin.States(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Save(w.ctx, w.bucket, CaptureOptions{}); !errors.Is(err, ErrChanging) || listings != captureTries {
		t.Errorf("%d listings, %v", listings, err)
	}
	if after, err := w.admin.States(w.ctx, w.bucket); err != nil || len(after) != len(states) {
		t.Errorf("%v, %d states", err, len(after))
	}
}

// A state that would come too late is not sent but captured again.
func TestLateStateIsCapturedAgain(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	tries := 0
	packed, res, err := w.host.packed(w.ctx, w.bucket, nil, nil, func(p *spool, res *CaptureResult, watch stopwatch) error {
		if tries++; tries == 1 {
			watch.begun = watch.begun.Add(-captureWindow(res.Objects))
		}
		_, err := w.host.putState(w.ctx, w.bucket, statePrefix+"x"+stateSuffix, p, func() error { return watch.tooLate(res.Objects) }, nil)
		return err
	})
	if err != nil || tries != 2 || res.Objects != 1 {
		t.Fatalf("%d tries, %v", tries, err)
	}
	packed.close()
	if states, err := w.admin.States(w.ctx, w.bucket); err != nil || len(states) != 1 {
		t.Errorf("%d states, %v", len(states), err)
	}
}

// A host cannot hide what it wrote longer ago than an honest capture takes, whatever
// the state claims of its duration; nor something older than what the state shows.
func TestForgedWindow(t *testing.T) {
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-48*time.Hour))
	w.put("config", "c")
	w.srv.AdvanceClock(t, time.Hour)
	w.put("data/00/important", "x")
	w.srv.AdvanceClock(t, 2*time.Minute)
	w.put("data/00/later", "y")
	w.srv.AdvanceClock(t, time.Minute)
	st := w.save()
	without := func(names ...string) func(map[string]any) {
		return func(m map[string]any) {
			var kept []any
			for _, e := range versionsOf(m) {
				if !slices.Contains(names, e.(map[string]any)["Key"].(string)) {
					kept = append(kept, e)
				}
			}
			m["versions"] = kept
		}
	}
	verify := func(change func(map[string]any)) *Verification {
		t.Helper()
		forged := w.forge(st, change)
		v, err := w.admin.VerifyState(w.ctx, w.bucket, forged.Key, forged.VersionID)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(without("data/00/important")); v.Status != Differs || !strings.Contains(v.first(), "important") {
		t.Errorf("it shows what is newer than what it hides: %+v", v)
	}
	w.srv.AdvanceClock(t, 13*time.Minute)
	for _, claimed := range []time.Duration{0, 10 * time.Minute, 3 * time.Hour} {
		v := verify(func(m map[string]any) {
			without("data/00/important", "data/00/later")(m)
			end := time.Now()
			m["time_start"], m["time_end"] = end.Add(-claimed).Format(stateTime), end.Format(stateTime)
		})
		if v.Status != Differs {
			t.Errorf("after 14 minutes, a claimed capture of %s: %+v", claimed, v)
		}
	}
	if v := verify(func(map[string]any) {}); v.Status != Verified {
		t.Errorf("the real one: %+v", v)
	}
}

// An upload in parts that is dated to its initiation makes neither an honest state look
// forged nor a time show what was not there yet.
func TestUploadDatedToItsInitiation(t *testing.T) {
	w := newWorld(t, s3test.Dialect("aws"))
	w.srv.SetClock(t, time.Now().Add(-48*time.Hour))
	key := "data/aa/aa" + otherID
	w.put("config", "c")
	good := w.put(key, "good")
	up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, key, putOptions())
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.host.core.PutObjectPart(w.ctx, w.bucket, key, up, 1, strings.NewReader("rubbish"), 7, partOptions())
	if err != nil {
		t.Fatal(err)
	}
	w.srv.AdvanceClock(t, 10*time.Minute)
	w.put("snapshots/aa"+otherID, "s")
	st := w.save()
	w.srv.AdvanceClock(t, 10*time.Minute)
	complete(t, w.host, w.bucket, key, up, part)
	w.srv.AdvanceClock(t, 10*time.Minute)
	if v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); err != nil || v.Status != Verified {
		t.Errorf("%v %+v", err, v)
	}
	view, err := w.admin.View(w.ctx, w.bucket, Moment{At: st.Time}, ViewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := view.Get(key); !ok || o.VersionID != good {
		t.Errorf("%+v", o)
	}
}
