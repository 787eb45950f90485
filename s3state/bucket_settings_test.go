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

func (w *world) setLifecycle(rules string) {
	w.t.Helper()
	_, err := w.admin.s3.Call(w.ctx, s3versions.Request{
		Method: http.MethodPut, Bucket: w.bucket, Query: url.Values{"lifecycle": {""}},
		Body: []byte(`<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + rules + `</LifecycleConfiguration>`),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A lifecycle rule that undoes what versioning protects makes the policy check fail, in
// the list and in the details, which tell what it will remove when.
func TestLifecycleIsJudged(t *testing.T) {
	w := newWorld(t)
	w.put("data/00/x", "old")
	w.put("data/00/x", "new")
	const all = `<Filter><Prefix></Prefix></Filter>`
	for name, c := range map[string]struct {
		rules string
		bad   string // in the problem; "" for none
	}{
		"old versions after a day": {`<Rule><ID>x</ID><Status>Enabled</Status>` + all + `<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`, "removes for good"},
		"by a tag":                 {`<Rule><ID>x</ID><Status>Enabled</Status><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`, "removes for good"},
		"current objects":          {`<Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix>data/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>`, "deletes current"},
		"one directory of packs":   {`<Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix>data/00/</Prefix></Filter><Expiration><Days>3000</Days></Expiration></Rule>`, "deletes current"},
		"old locks":                {`<Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix>locks/</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`, ""},
		"after a year":             {`<Rule><ID>x</ID><Status>Enabled</Status>` + all + `<NoncurrentVersionExpiration><NoncurrentDays>365</NoncurrentDays></NoncurrentVersionExpiration></Rule>`, ""},
		"switched off":             {`<Rule><ID>x</ID><Status>Disabled</Status>` + all + `<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`, ""},
	} {
		w.setLifecycle(c.rules)
		check, err := w.admin.CheckPolicy(w.ctx, w.bucket)
		if err != nil || check.OK != (c.bad == "") || !strings.Contains(strings.Join(check.Problems, " "), c.bad) {
			t.Errorf("%s: %v %+v", name, err, check)
		}
		info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{NoVerify: true})
		if err != nil || info.Check.OK != (c.bad == "") {
			t.Errorf("%s: info: %v %+v", name, err, info.Check)
		}
		if name == "old versions after a day" {
			if f := info.Settings.Lifecycle; len(f) != 1 || f[0].Versions != 1 || f[0].Bytes != 3 || f[0].First.Before(time.Now().Add(23*time.Hour)) {
				t.Errorf("the forecast: %+v", f)
			}
		}
	}
	// A host may not read the rules; its check uses what it may read.
	if check, err := w.host.CheckPolicy(w.ctx, w.bucket); err != nil || !check.OK {
		t.Errorf("the host: %v %+v", err, check)
	}
	if set, err := w.host.Settings(w.ctx, w.bucket); err != nil || len(set.Unknown) == 0 {
		t.Errorf("the host: %v %+v", err, set)
	}
}

// Uploads that were never completed are in no listing of versions, but are counted.
func TestUnfinishedUploadsAreCounted(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		up, err := w.host.core.NewMultipartUpload(w.ctx, w.bucket, "junk", putOptions())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.host.core.PutObjectPart(w.ctx, w.bucket, "junk", up, 1, strings.NewReader("12345"), 5, partOptions()); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{NoVerify: true})
	if err != nil || info.Settings.Uploads != 2 || info.Settings.UploadBytes != 10 || info.Settings.FirstUpload.IsZero() {
		t.Errorf("%v %+v", err, info.Settings)
	}
}

// bucketWithLock makes a bucket with two deleted objects, "free" and "locked", whose
// version is locked until the time returned.
func (w *world) bucketWithLock() (bucket string, until time.Time) {
	w.t.Helper()
	bucket = w.srv.Bucket(w.t)
	if err := w.admin.client.MakeBucket(w.ctx, bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		w.t.Fatal(err)
	}
	put(w.t, w.admin, bucket, "free", "1")
	version := put(w.t, w.admin, bucket, "locked", "1")
	mode, until := minio.Compliance, time.Now().Add(48*time.Hour).UTC().Truncate(time.Second)
	err := w.admin.client.PutObjectRetention(w.ctx, bucket, "locked", minio.PutObjectRetentionOptions{VersionID: version, Mode: &mode, RetainUntilDate: &until})
	if err != nil {
		w.t.Fatal(err)
	}
	del(w.t, w.admin, bucket, "locked")
	del(w.t, w.admin, bucket, "free")
	return bucket, until
}

// A bucket with locked versions is not touched, and the error names the time from which
// it can be removed.
func TestDeleteLooksForLocksFirst(t *testing.T) {
	w := newWorld(t)
	b, until := w.bucketWithLock()
	before := dump(t, w.admin, b)
	_, err := w.admin.Delete(w.ctx, b, DeleteOptions{})
	var locked *LockedError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &locked) || !locked.Until.Equal(until) || locked.Key != "locked" {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(err.Error(), until.Format("2006-01-02")) {
		t.Errorf("no date: %v", err)
	}
	if after := dump(t, w.admin, b); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("it left %q of %q", after, before)
	}
}

// Where ETags are no MD5s, as under SSE-KMS, objects are not called damaged for that.
func TestETagsThatAreNoMD5(t *testing.T) {
	r := newFakeRestic(t)
	r.backup()
	if !r.admin.etagsAreMD5(r.ctx, r.bucket) {
		t.Error("plain ETags")
	}
	o := entry{Key: "config", ETag: strings.Repeat("0", 32), Size: -1}
	for v, err := range r.admin.Versions(r.ctx, r.bucket, "config") {
		if err != nil {
			t.Fatal(err)
		}
		o.VersionID, o.Size = v.VersionID, v.Size
	}
	if _, err := r.admin.fetchChecked(r.ctx, r.bucket, o, &strings.Builder{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
	r.admin.md5s.Store(r.bucket, false)
	if hashed, err := r.admin.fetchChecked(r.ctx, r.bucket, o, &strings.Builder{}); err != nil || hashed {
		t.Errorf("%v %v", hashed, err)
	}
}
