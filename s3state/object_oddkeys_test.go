package s3state

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/s3versions"
)

// Keys that minio-go does not take, but S3 and the host do, block nothing.
func TestOddKeysAreRestoredAndRemoved(t *testing.T) {
	w := newWorld(t)
	keys := []string{" ", "\n", "\u3000", "\r", "\t", "a\rb", "a/", "a//b", "a?versionId=1", "a%20b", "a+b", "ü", "!*'()", "~", "config"}
	want := 0
	if w.srv.Dialect() == "seaweedfs" {
		// A directory there: it is listed as a version, but cannot be copied.
		keys = slices.DeleteFunc(keys, func(k string) bool { return k == "a/" })
	}
	for _, k := range keys {
		for range 2 {
			resp, err := w.host.s3.Send(w.ctx, s3versions.Request{Method: http.MethodPut, Bucket: w.bucket, Key: k, Body: []byte("body of " + k)})
			if err != nil {
				if external() {
					break // some servers take fewer
				}
				t.Fatalf("put %q: %v", k, err)
			}
			resp.Body.Close()
		}
	}
	for v, err := range w.admin.Versions(w.ctx, w.bucket, "") {
		if err != nil {
			t.Fatal(err)
		}
		if v.IsLatest {
			want++
		}
	}
	st := w.save()
	res, target, err := w.restore(st, nil)
	if err != nil || int(res.Copied) != want {
		t.Fatalf("restore: %v, %d copied of %d", err, res.Copied, want)
	}
	if _, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil {
		t.Error(err)
	}
	for _, b := range []string{w.bucket, target} {
		if _, err := w.admin.Delete(w.ctx, b, DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// One key that cannot be fetched does not stop the download of the others.
func TestDownloadGoesOnAfterOddKey(t *testing.T) {
	w := newWorld(t)
	resp, err := w.host.s3.Send(w.ctx, s3versions.Request{Method: http.MethodPut, Bucket: w.bucket, Key: " ", Body: []byte("x")})
	if err != nil {
		harness.NotHere(t, err.Error())
	}
	resp.Body.Close()
	for _, k := range []string{"config", "a", "b", "c"} {
		w.put(k, k)
	}
	st := w.save()
	res, err := w.admin.Download(w.ctx, DownloadOptions{
		Source: w.bucket, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}, Dir: t.TempDir(), Parallel: 1,
	})
	var batch *BatchError
	if !errors.As(err, &batch) || batch.Total != 1 || res.Downloaded != 4 {
		t.Errorf("%v, %d brought", err, res.Downloaded)
	}
}

func TestStateWithHugeETag(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	forged := w.forge(w.save(), func(m map[string]any) { entryOf(m, "config")["ETag"] = strings.Repeat("a", maxETag+1) })
	if _, err := w.admin.VerifyState(w.ctx, w.bucket, forged.Key, forged.VersionID); !errors.Is(err, ErrBadState) {
		t.Error(err)
	}
}
