package rwm_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// An attacker begins uploads in parts to the names of a repository's objects and completes
// them when a person has reviewed the history. A server that dates them to their begin
// dates the marks to before the review. They count until the objects are put right.
func TestReviewBeforeUploadsInParts(t *testing.T) {
	for _, kind := range []string{"data/", "index/", "snapshots/", "keys/", "config"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect("aws")).policed()
			if !w.Controlled() {
				harness.NotOnThisServer(t, "the clock is moved")
			}
			w.run()
			w.run()
			w.pass()
			bucket, key := w.config.ResticBucket, w.objects(kind)[0]
			right := w.read(key)
			core := minio.Core{Client: w.Client(t, w.Host)}
			upload, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			w.pass()
			w.run()
			w.pass()
			now := func() time.Time { return time.Now().Add(1000 * time.Hour) } // later than all
			admin := w.admin(rwm.WithReviews(filepath.Join(w.dir, "reviews.json")), rwm.WithClock(now))
			w.newest(w.history(admin))
			if err := admin.SetReviewed(bucket, w.lastWrite("")); err != nil {
				t.Fatal(err)
			}
			w.pass()
			part, err := core.PutObjectPart(t.Context(), bucket, key, upload, 1, bytes.NewReader(bytes.Repeat([]byte("x"), len(right))), int64(len(right)), minio.PutObjectPartOptions{})
			if err != nil {
				t.Fatal(err)
			}
			parts := []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}
			if _, err := core.CompleteMultipartUpload(t.Context(), bucket, key, upload, parts, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
			if h := w.history(admin); h.Total == 0 || h.Suspicions[0].Key != key {
				t.Errorf("%s: %+v, last good %v, %v, %v", key, h.Proof, h.LastGood, h.Suspicions, h.Notes)
			}
			w.pass()
			if _, err := core.Client.PutObject(t.Context(), bucket, key, bytes.NewReader(right), int64(len(right)), minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
			// A config that has replaced another is a mark of its own.
			if kind == "config" {
				if err := admin.SetReviewed(bucket, w.lastWrite("")); err != nil {
					t.Fatal(err)
				}
			}
			h := w.history(admin)
			if h.Total != 0 || h.Proof.Verdict != s3state.Proved {
				t.Errorf("put right: %+v, %v, last good %v", h.Proof, h.Suspicions, h.LastGood)
			}
		})
	}
}
