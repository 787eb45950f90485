package s3state

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// A listing that is none is reported as such by every call that lists.
func TestBadListing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("config", "c")
	st := w.save()
	bad := w.storeVia(w.srv.Admin, roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("versions") {
			return answer(r, http.StatusOK, "<html/>"), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	}))
	for name, call := range map[string]func() error{
		"Capture":      func() error { _, err := bad.Capture(w.ctx, w.bucket, io.Discard, CaptureOptions{}); return err },
		"Save":         func() error { _, err := bad.Save(w.ctx, w.bucket, CaptureOptions{}); return err },
		"States":       func() error { _, err := bad.States(w.ctx, w.bucket); return err },
		"Info":         func() error { _, err := bad.Info(w.ctx, w.bucket, InfoOptions{}); return err },
		"History":      func() error { _, err := bad.History(w.ctx, w.bucket, HistoryOptions{}); return err },
		"LockFloor":    func() error { _, err := bad.LockFloor(w.ctx, w.bucket, FloorOptions{}); return err },
		"VerifyState":  func() error { _, err := bad.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID); return err },
		"DropVersions": func() error { _, err := bad.DropVersions(w.ctx, w.bucket, DropOptions{}); return err },
	} {
		if err := call(); !errors.Is(err, ErrBadListing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// States that do not exist, are none or say what is not so are told apart.
func TestStatesThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.srv.SetClock(t, time.Now().Add(-48*time.Hour))
	w.put("config", "c")
	w.srv.AdvanceClock(t, time.Hour)
	st := w.save()
	w.put("junk", "no state")
	download := func(m Moment) error {
		_, err := w.admin.Download(w.ctx, DownloadOptions{Source: w.bucket, Dir: t.TempDir(), Moment: m})
		return err
	}
	forged := func(change func(m map[string]any)) Moment {
		f := w.forge(st, change)
		return Moment{StateKey: f.Key, StateVersion: f.VersionID}
	}
	_, openGone := w.admin.OpenState(w.ctx, w.bucket, st.Key+"x", "")
	_, openJunk := w.admin.OpenState(w.ctx, w.bucket, "junk", "")
	_, verifyGone := w.admin.VerifyState(w.ctx, w.bucket, st.Key+"x", "")
	for name, c := range map[string]struct{ got, want error }{
		"OpenState of none":    {openGone, ErrNoState},
		"OpenState of junk":    {openJunk, ErrBadState},
		"VerifyState of none":  {verifyGone, ErrNoState},
		"Download of none":     {download(Moment{StateKey: st.Key + "x"}), ErrNoState},
		"Download of junk":     {download(Moment{StateKey: "junk"}), ErrBadState},
		"Download of a gone":   {download(forged(func(m map[string]any) { entryOf(m, "config")["VersionId"] = "nonsense" })), ErrMissing},
		"Download of no bytes": {download(forged(func(m map[string]any) { m["versions"] = []any{} })), ErrStateDiffers},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	plain := w.srv.Bucket(t)
	if err := w.admin.client.MakeBucket(w.ctx, plain, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.History(w.ctx, plain, HistoryOptions{}); !errors.Is(err, ErrNotVersioned) {
		t.Errorf("History: %v", err)
	}
	if _, err := w.admin.Download(w.ctx, DownloadOptions{Source: plain, Dir: t.TempDir(), Moment: Moment{StateKey: st.Key}}); !errors.Is(err, ErrNotVersioned) {
		t.Errorf("Download: %v", err)
	}
}

// What others write to the target of a copy, or to a bucket that is being deleted,
// is found.
func TestOthersWriteMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("config", "c")
	st := w.save()
	target := w.srv.Bucket(t)
	admin := w.storeVia(w.srv.Admin, roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			put(t, w.admin, target, "stranger", "s")
		}
		return resp, err
	}))
	_, err := admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}})
	if !errors.Is(err, ErrCopyDiffers) {
		t.Errorf("Restore: %v", err)
	}
	admin = w.storeVia(w.srv.Admin, roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete && strings.Trim(r.URL.Path, "/") == w.bucket {
			w.put("late", "l")
		}
		return http.DefaultTransport.RoundTrip(r)
	}))
	if res, err := admin.Delete(w.ctx, w.bucket, DeleteOptions{}); !errors.Is(err, ErrNotEmpty) || res.BucketRemoved {
		t.Errorf("Delete: %+v, %v", res, err)
	}
}

// A server that says of a locked version that it is removed has no lock that holds,
// whichever call asks.
func TestLockThatDoesNotHold(t *testing.T) {
	t.Parallel()
	removes := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete && r.URL.Query().Has("versionId") {
			return answer(r, http.StatusNoContent, ""), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	lock := LockOptions{Days: 1}
	for name, call := range map[string]func(t *testing.T) error{
		"LockBucket": func(t *testing.T) error {
			w := newWorld(t, s3test.Dialect("aws")) // Ceph up to 18 locks new buckets only
			_, err := w.storeVia(w.srv.Admin, removes).LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: lock})
			return err
		},
		"Restore": func(t *testing.T) error {
			w := newWorld(t)
			w.put("config", "c")
			st := w.save()
			_, err := w.storeVia(w.srv.Admin, removes).Restore(w.ctx, RestoreOptions{
				Source: w.bucket, Target: w.srv.Bucket(t), Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Lock: &lock,
			})
			return err
		},
		"Adopt": func(t *testing.T) error {
			w := newPlain(t, s3test.Dialect("aws"))
			_, err := w.storeVia(w.srv.Admin, removes).Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{Lock: &lock})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the lock is tried for five seconds
			var step *StepError
			if err := call(t); !errors.Is(err, ErrLockFails) || !errors.As(err, &step) {
				t.Error(err)
			}
		})
	}
}

// A server that forgets renewals is found out as soon as they are proved.
func TestRenewalsThatAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.mustRenew(RenewOptions{})
	r.later(9 * Day)
	r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && req.URL.Query().Has("retention") {
			return answer(req, http.StatusOK, ""), nil
		}
		return http.DefaultTransport.RoundTrip(req)
	}), WithClock(func() time.Time { return r.now }))
	r.mustRenew(RenewOptions{Suspicious: nothing}) // it proves what it does not renew
	if res, err := r.renew(RenewOptions{Suspicious: nothing}); !errors.Is(err, ErrLockFails) || res.Kept() {
		t.Errorf("%+v, %v", res, err)
	}
}

// A bucket that changes during every listing is never captured.
func TestCaptureOfWhatKeepsChanging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("config", "c")
	w.put("index/"+otherID, "an index")
	admin := w.storeVia(w.srv.Admin, roundTripper(func(r *http.Request) (*http.Response, error) {
		if isListing(r) {
			w.del("index/" + otherID)
			w.put("index/"+otherID, "an index")
		}
		return http.DefaultTransport.RoundTrip(r)
	}))
	if _, err := admin.Capture(w.ctx, w.bucket, io.Discard, CaptureOptions{}); !errors.Is(err, ErrChanging) {
		t.Errorf("Capture: %v", err)
	}
	if _, err := admin.DropVersions(w.ctx, w.bucket, DropOptions{}); !errors.Is(err, ErrChanging) {
		t.Errorf("DropVersions: %v", err)
	}
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}
