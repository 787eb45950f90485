package s3state

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3versions"
)

// aged is a bucket whose clock the test moves.
type aged struct {
	*world
	start time.Time
	now   time.Time
}

func newAged(t *testing.T, lock *LockOptions) *aged {
	w := &aged{world: newWorld(t)}
	if !w.srv.Controlled() {
		t.Skip("needs a movable clock")
	}
	w.start = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	w.to(0)
	clock := WithClock(func() time.Time { return w.now })
	w.admin, w.host = w.store(w.srv.Admin, clock), w.store(w.srv.Host, clock)
	w.bucket = w.srv.Bucket(t)
	if _, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{Lock: lock, Keeper: w.srv.Host2.Name}); err != nil {
		t.Fatal(err)
	}
	return w
}

// to moves the clock to so many days after the start; lifecycle runs at each midnight.
func (w *aged) to(days float64) {
	w.now = w.start.Add(time.Duration(days * float64(Day)))
	w.srv.FreezeClock(w.t, w.now)
}

func (w *aged) lifecycle(days string) {
	w.t.Helper()
	_, err := w.admin.s3.Call(w.ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: w.bucket, Query: url.Values{"lifecycle": {""}},
		Body: []byte(`<LifecycleConfiguration><Rule><ID>x</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>` + days + `</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// putLocked writes an object that is locked for some days only.
func (w *aged) putLocked(key, body string, days int) string {
	w.t.Helper()
	info, err := w.admin.client.PutObject(w.ctx, w.bucket, key, strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{
		Mode: minio.Compliance, RetainUntilDate: w.now.Add(time.Duration(days) * Day), SendContentMd5: true, DisableMultipart: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return info.VersionID
}

// verdict is what is said of a state.
func (w *aged) verdict(st *SavedState, opts ...Option) VerifyStatus {
	w.t.Helper()
	opts = append([]Option{WithClock(func() time.Time { return w.now })}, opts...)
	v, err := w.store(w.srv.Admin, opts...).VerifyState(w.ctx, w.bucket, st.Key, st.VersionID)
	if err != nil {
		w.t.Fatal(err)
	}
	if v.Status == Reclaimed && (v.Reclaimed == 0 || v.Reclaimed != v.TotalMissing || !strings.Contains(v.Missing[0].Reason, "reclaimed: the storage's rule")) {
		w.t.Errorf("%+v", v)
	}
	return v.Status
}

func (w *aged) expect(want VerifyStatus, st *SavedState, opts ...Option) {
	w.t.Helper()
	if got := w.verdict(st, opts...); got != want {
		w.t.Errorf("%s is %s, not %s", w.now.Sub(w.start), got, want)
	}
}

// What the rule removes in its time is reclaimed: not missing, and not there either.
func TestReclaimed(t *testing.T) {
	t.Parallel()
	w := newAged(t, &LockOptions{Days: 3, GraceDays: 2})
	w.put("data/a", "a")
	w.put("data/b", "b")
	st := w.save()
	w.to(1)
	w.del("data/a")
	w.put("data/b", "replaced")
	for _, day := range []float64{1.5, 3.5, 4.9} {
		w.to(day)
		w.expect(Verified, st)
	}
	w.to(7)
	w.expect(Reclaimed, st)
	at := Moment{StateKey: st.Key, StateVersion: st.VersionID}
	if c, err := w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{Moment: at}); !errors.Is(err, ErrStorageIncomplete) || c.OK || c.Total != 2 {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: w.srv.Bucket(t), Moment: at}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "reclaimed: the storage's rule removes what has not been current for 3 days") {
		t.Errorf("%v", err)
	}
	h, err := w.admin.History(w.ctx, w.bucket, HistoryOptions{})
	if err != nil || h.States[0].Verification.Status != Reclaimed {
		t.Errorf("%+v %v", h, err)
	}
	// The host may not read the rule, so for it something is missing.
	if p, err := w.host.VerifyState(w.ctx, w.bucket, st.Key, ""); err != nil || p.Status != Unverifiable {
		t.Errorf("%+v %v", p, err)
	}
	// Of a time nothing tells what was there.
	then := Moment{At: w.start.Add(time.Hour)}
	if c, err := w.admin.CheckStorage(w.ctx, w.bucket, CheckStorageOptions{Moment: then}); err != nil || c.OK || c.Lapse == nil || c.Proof.Verdict != NotProved {
		t.Errorf("%+v %v", c, err)
	}
	if r, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: w.srv.Bucket(t), Moment: then}); err != nil || r.Verification.Lapse == nil || r.Verification.Status != Reclaimed {
		t.Errorf("%+v %v", r, err)
	}
	if v, err := w.admin.View(w.ctx, w.bucket, Moment{At: w.now.Add(-2 * Day)}, ViewOptions{Verify: true}); err != nil || v.Verification.Status != Verified || v.Verification.Lapse != nil {
		t.Errorf("%+v %v", v, err)
	}
}

// What the rule cannot have removed yet is missing, even if the rule or the lock was
// shortened since.
func TestMissingIsNotReclaimed(t *testing.T) {
	t.Parallel()
	t.Run("removed by hand", func(t *testing.T) {
		t.Parallel()
		w := newAged(t, nil)
		w.lifecycle("5")
		id := w.put("data/a", "a")
		st := w.save()
		w.to(2)
		w.del("data/a")
		if err := w.admin.removeVersion(w.ctx, w.bucket, "data/a", id); err != nil {
			t.Fatal(err)
		}
		w.to(4)
		w.expect(Unverifiable, st)
		w.to(6.5) // it was deleted on the second day, as the marker tells
		w.expect(Unverifiable, st)
		w.to(7.5)
		w.expect(Reclaimed, st) // now it may have been the rule
	})
	t.Run("shortened rule", func(t *testing.T) {
		t.Parallel()
		w := newAged(t, nil)
		w.lifecycle("30")
		w.put("data/a", "a")
		st := w.save()
		w.to(1)
		w.del("data/a")
		w.lifecycle("1")
		w.to(4)
		promise := WithPromise(func(string) Promise { return Promise{Days: 30} })
		w.expect(Unverifiable, st, promise)
		w.to(32)
		w.expect(Reclaimed, st, promise)
	})
	t.Run("shortened lock", func(t *testing.T) {
		t.Parallel()
		w := newAged(t, &LockOptions{Days: 3, GraceDays: 7})
		// Before it was made safe, as by another program.
		weak := w.putLocked("data/a", "a", 2)
		st := w.save()
		w.to(1)
		w.del("data/a")
		if err := w.admin.putDefaultRetention(w.ctx, w.bucket, Compliance, 4); err != nil {
			t.Fatal(err)
		}
		w.lifecycle("1")
		w.to(6)
		if _, err := getRetention(w.ctx, w.admin.s3, w.bucket, "data/a", weak); err == nil {
			t.Error("lifecycle should have removed it")
		}
		// The state's own lock tells of the ten days.
		w.expect(Unverifiable, st)
		w.to(11)
		w.expect(Reclaimed, st)
	})
}
