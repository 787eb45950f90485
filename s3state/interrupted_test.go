package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// hook runs before the n-th request, counted from 0.
type hook struct {
	base http.RoundTripper
	n    atomic.Int64
	at   int64
	fn   func()
}

func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.n.Add(1)-1 == h.at {
		h.fn()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return h.base.RoundTrip(r)
}

// A host that goes on working while the admin drops versions loses nothing:
// what it writes stays, and what it deletes stays deleted.
func TestDropWhileTheHostWorks(t *testing.T) {
	base := newWorld(t)
	for at := int64(0); ; at += s3test.Stride() {
		w := base.another(t)
		fill(w)
		w.save()
		ran := false
		h := &hook{base: http.DefaultTransport, at: at, fn: func() {
			ran = true
			w.del("data/00/x")             // current until now
			w.put("data/01/x", "newest")   // overwritten
			w.put("deleted", "again")      // its marker is being dropped
			w.put("twice", "again")        // the same,
			w.del("twice")                 // and deleted once more
			w.put("data/05/x", "new file") // did not exist
			w.save()
		}}
		_, err := w.storeVia(w.srv.Admin, h, WithParallel(1)).DropVersions(w.ctx, w.bucket, DropOptions{})
		if err != nil {
			t.Fatalf("at request %d: %v", at, err)
		}
		if !ran {
			return
		}
		got := contents(t, w.admin, w.bucket)
		for key, want := range map[string]string{
			"data/00/x": "", "data/01/x": "newest", "data/02/x": "new 2", "deleted": "again", "twice": "", "data/05/x": "new file",
		} {
			if got[key] != want {
				t.Errorf("at request %d: %q is %q, not %q", at, key, got[key], want)
			}
		}
		states, err := w.admin.States(w.ctx, w.bucket)
		if err != nil {
			t.Fatal(err)
		}
		newest := states[len(states)-1]
		res, target, err := w.restore(&newest, nil)
		if err != nil {
			t.Errorf("at request %d: restore the newest state: %v %+v", at, err, res.Verification)
			continue
		}
		// Which of the two states is the newer depends on the moment.
		if got := contents(t, w.admin, target); got["data/02/x"] != "new 2" || got["data/01/x"] == "" {
			t.Errorf("at request %d: restored %q", at, got)
		}
	}
}

// No matter at which request a drop is interrupted, the current objects are as
// before, deletions too, and there is a state that can be restored.
func TestDropInterrupted(t *testing.T) {
	base := newWorld(t)
	for at := int64(0); ; at += s3test.Stride() {
		w := base.another(t)
		fill(w)
		w.save()
		before := contents(t, w.admin, w.bucket)
		ctx, cancel := context.WithCancel(w.ctx)
		h := &hook{base: http.DefaultTransport, at: at, fn: cancel}
		_, err := w.storeVia(w.srv.Admin, h, WithParallel(1)).DropVersions(ctx, w.bucket, DropOptions{})
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("at request %d: %v", at, err)
		}
		after := contents(t, w.admin, w.bucket)
		for k, v := range before {
			if after[k] != v && !strings.HasPrefix(k, "rwm/") {
				t.Errorf("at request %d: %q is %q, not %q", at, k, after[k], v)
			}
		}
		for k := range after {
			if _, ok := before[k]; !ok && !strings.HasPrefix(k, "rwm/") {
				t.Errorf("at request %d: %q is back", at, k)
			}
		}
		usable := false
		states, err := w.admin.States(w.ctx, w.bucket)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range states {
			v, err := w.admin.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID)
			usable = usable || err == nil && v.Status == Verified
		}
		if !usable {
			t.Errorf("at request %d: no usable state is left", at)
		}
	}
}

// A version that cannot be deleted is reported, and the marker above it stays.
func TestDropReportsEachFailure(t *testing.T) {
	w := newWorld(t)
	fill(w)
	w.srv.Inject(t, s3test.Fault{Method: "POST", Path: "delete", Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: "^(deleted|data/03/x)$"})
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 2 || !errors.Is(err, ErrAccessDenied) {
		t.Fatalf("%v", err)
	}
	keys := fmt.Sprint(batch.Failed[0].Key, " ", batch.Failed[1].Key)
	if keys != "data/03/x deleted" && keys != "deleted data/03/x" {
		t.Errorf("failed: %v", batch.Failed)
	}
	if res.OldVersions != 6 || res.DeleteMarkers != 2 || res.State == nil {
		t.Errorf("result %+v", res)
	}
	w.srv.ClearFaults(t)
	if got := contents(t, w.admin, w.bucket); got["deleted"] != "" {
		t.Error("a deleted object is back, for its marker was dropped and its version not")
	}
	if _, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestDeleteReportsEachFailure(t *testing.T) {
	w := newWorld(t)
	fill(w)
	w.srv.Inject(t, s3test.Fault{Method: "POST", Path: "delete", Kind: s3test.ErrorIn200, Code: "AccessDenied", Keys: "^data/03/x$"})
	res, err := w.admin.Delete(w.ctx, w.bucket, DeleteOptions{})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 2 || batch.Failed[0].Key != "data/03/x" || res.BucketRemoved {
		t.Fatalf("%v %+v", err, res)
	}
	w.srv.ClearFaults(t)
	if _, err := w.admin.Delete(w.ctx, w.bucket, DeleteOptions{}); err != nil {
		t.Errorf("again: %v", err)
	}
}

// No matter at which request a restore is interrupted, running it again completes it.
func TestRestoreInterrupted(t *testing.T) {
	w := newWorld(t)
	fill(w)
	st := w.save()
	for at := int64(0); ; at += s3test.Stride() {
		target := w.srv.Bucket(t)
		opts := RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}
		ctx, cancel := context.WithCancel(w.ctx)
		h := &hook{base: http.DefaultTransport, at: at, fn: cancel}
		_, err := w.storeVia(w.srv.Admin, h, WithParallel(1)).Restore(ctx, opts)
		cancel()
		if err == nil {
			return
		}
		if check, err := w.admin.CheckPolicy(w.ctx, target); err == nil {
			if check.UnfinishedRestore == nil && !check.OK { // between the first two requests
				if _, err := w.admin.Delete(w.ctx, target, DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if check.OK {
				continue // interrupted after the last step
			}
			// Until it is complete, the host is not let in.
			_, err := w.host.client.PutObject(w.ctx, target, "x", strings.NewReader("x"), 1, minio.PutObjectOptions{})
			if err == nil {
				t.Errorf("at request %d: the host can write to an unfinished bucket", at)
			}
		}
		res, err := w.admin.Restore(w.ctx, opts)
		if err != nil {
			t.Fatalf("at request %d: %v", at, err)
		}
		if res.Copied+res.Skipped != 5 || res.Objects != 5 {
			t.Errorf("at request %d: %+v", at, res)
		}
	}
}

// One object that cannot be copied does not keep the others from being
// restored, is named, and copied by the next run.
func TestRestoreReportsEachFailure(t *testing.T) {
	w := newWorld(t)
	fill(w)
	st := w.save()
	w.srv.Inject(t, s3test.Fault{Method: "PUT", Path: "/data/03/x", Kind: s3test.Status, Status: 500, Code: "InternalError"})
	target := w.srv.Bucket(t)
	opts := RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}
	res, err := w.admin.Restore(w.ctx, opts)
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 1 || batch.Failed[0].Key != "data/03/x" || res.Copied != 4 {
		t.Fatalf("%v %+v", err, res)
	}
	if !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), "again") {
		t.Errorf("the error does not say where and what to do next: %v", err)
	}
	w.srv.ClearFaults(t)
	if res, err = w.admin.Restore(w.ctx, opts); err != nil || res.Copied != 1 || res.Skipped != 4 {
		t.Errorf("again: %v %+v", err, res)
	}
}

// An object above the limit of one copy request goes in parts, with its
// metadata.
func TestRestoreLargeObjects(t *testing.T) {
	w := newWorld(t)
	body := strings.Repeat("0123456789abcdef", 12<<20/16)
	if _, err := w.host.client.PutObject(w.ctx, w.bucket, "large", strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{
		ContentType: "text/x-test", UserMetadata: map[string]string{"colour": "blue"}, DisableMultipart: true,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.host.client.PutObject(w.ctx, w.bucket, "parts", strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
		t.Fatal(err)
	}
	st := w.save()
	w.admin.copyLimit, w.admin.partSize = 6<<20, 6<<20
	res, target, err := w.restore(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Objects != 2 || res.ETagUnchecked == 0 && !external() { // RGW keeps ETags
		t.Errorf("%+v", res)
	}
	got := contents(t, w.admin, target)
	if got["large"] != body || got["parts"] != body {
		t.Error("the copies differ")
	}
	info, err := w.admin.client.StatObject(w.ctx, target, "large", minio.StatObjectOptions{})
	if err != nil || info.ContentType != "text/x-test" || info.UserMetadata["Colour"] != "blue" {
		t.Errorf("%v %q %v", err, info.ContentType, info.UserMetadata)
	}
}
