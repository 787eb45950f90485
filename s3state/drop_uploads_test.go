package s3state

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// uploadsOf lists the keys of a bucket's unfinished uploads.
func (w *world) uploadsOf() (keys []string) {
	w.t.Helper()
	for u := range w.admin.client.ListIncompleteUploads(w.ctx, w.bucket, "", true) {
		if u.Err != nil {
			w.t.Fatal(u.Err)
		}
		keys = append(keys, strings.ReplaceAll(u.Key, "%20", " "))
	}
	return keys
}

func (w *world) beginUpload(key string) {
	w.t.Helper()
	up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, key, putOptions())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.host.core.PutObjectPart(w.ctx, w.bucket, key, up, 1, strings.NewReader("12345"), 5, partOptions()); err != nil {
		w.t.Fatal(err)
	}
}

// Uploads that nobody will complete go with the old versions. The host may not abort
// them, and what was begun in the last week may be resumed.
func TestDropAbortsOldUploads(t *testing.T) {
	for name, opts := range map[string][]s3test.Option{"aws": nil, "rgw": {s3test.RGW()}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opts...)
			w.put("config", "c")
			w.beginUpload("old one")
			w.beginUpload("old one")
			w.beginUpload("b")
			w.srv.SetClock(t, time.Now().AddDate(0, 0, uploadDays))
			w.admin.now = func() time.Time { return time.Now().AddDate(0, 0, uploadDays) }
			w.beginUpload("new")
			dry, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{DryRun: true})
			if err != nil || dry.Uploads != 3 || dry.UploadsLeft != 1 || len(w.uploadsOf()) != 4 {
				t.Fatalf("%v %+v %q", err, dry, w.uploadsOf())
			}
			w.admin.now = time.Now // what counts is the server's time
			res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
			if err != nil || res.Uploads != 3 || res.UploadsLeft != 1 || !slices.Equal(w.uploadsOf(), []string{"new"}) {
				t.Errorf("%v %+v %q", err, res, w.uploadsOf())
			}
		})
	}
}

// What nothing resumes goes at once: restic's files are sent in one request, and an
// aborted upload is repeated from its beginning. A state too large for one request, and
// files of other programs, stay until they are a week old, and the date is told.
func TestDropAbortsUploadsToRepositoryNames(t *testing.T) {
	for name, opts := range map[string][]s3test.Option{"aws": {s3test.Dialect("aws")}, "rgw": {s3test.RGW()}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opts...)
			w.put("config", "c")
			id := strings.Repeat("ab", 32)
			for _, key := range []string{"config", "keys/" + id, "locks/" + id, "snapshots/" + id, "index/" + id, "data/ab/" + id} {
				w.beginUpload(key)
			}
			others := []string{"data/cd/" + id, "prefix/config", "rwm/state_x.json.gz", "snapshots/" + id + ".tmp"}
			for _, key := range others {
				w.beginUpload(key)
			}
			for _, dry := range []bool{true, false} {
				res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{DryRun: dry})
				if err != nil || res.Uploads != 6 || res.UploadsLeft != 4 {
					t.Fatalf("%v %+v %q", err, res, w.uploadsOf())
				}
				if d := time.Until(res.UploadsLeftUntil); d < 6*Day || d > 8*Day {
					t.Errorf("they are a week old at %v", res.UploadsLeftUntil)
				}
			}
			if left := w.uploadsOf(); !slices.Equal(left, others) {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// An upload that cannot be aborted is named; the versions are gone all the same.
func TestDropNamesUploadsThatStay(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.put("data/x", "old")
	w.put("data/x", "new")
	w.beginUpload("stays")
	w.srv.SetClock(t, time.Now().AddDate(0, 0, uploadDays+1))
	w.srv.Inject(t, s3test.Fault{Method: "DELETE", Path: "/stays", Kind: s3test.Status, Status: 403, Code: "AccessDenied"})
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 1 || batch.Failed[0].Key != "stays" || res.OldVersions != 1 || res.Uploads != 0 {
		t.Errorf("%v %+v", err, res)
	}
}

// Where a quota leaves no room for a state, the error names the way out, and it is one.
func TestStateInAFullBucket(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	w.put("data/x", "old")
	w.put("data/x", "new")
	w.srv.SetQuota(t, w.bucket, 0, 3)
	_, err := w.host.Save(w.ctx, w.bucket, CaptureOptions{})
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "storage-drop-versions") {
		t.Fatal(err)
	}
	if res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil || res.OldVersions != 1 || !res.Full {
		t.Fatalf("%v %+v", err, res)
	}
	w.srv.SetQuota(t, w.bucket, 0, 4)
	if _, err := w.host.Save(w.ctx, w.bucket, CaptureOptions{}); err != nil {
		t.Error(err)
	}
}
