package s3state

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3versions"
)

// Everything an upload can ask for is tried on every server, and named.
func TestAccessUploads(t *testing.T) {
	for dialect, want := range map[string]map[string]Outcome{
		"aws":   {"tag an object": Refused, "tag an object at upload": Refused, "lock an object at upload": Refused},
		"rgw":   {"tag an object": Refused, "lock an object at upload": Refused},
		"rgw20": {"tag an object": Refused, "lock an object at upload": Refused},
	} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
			if err != nil || !rep.OK {
				t.Fatalf("%v %+v", err, rep)
			}
			want["let another user read an object"] = Refused
			want["list versions in the order of writing"] = Allowed
			got := map[string]AccessResult{}
			for _, r := range rep.Results {
				got[r.Action] = r
			}
			for action, outcome := range want {
				r := got[action]
				if r.Outcome != outcome {
					t.Errorf("%s: %+v, not %s", action, r, outcome)
				}
			}
			for _, r := range rep.Results {
				if r.Outcome == Allowed && r.Expected == Refused && r.Detail == "" {
					t.Errorf("%s: nothing says what follows", r.Action)
				}
			}
		})
	}
}

// In a bucket with object lock the canary is locked for seconds at most.
func TestAccessLeavesNothingLocked(t *testing.T) {
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			w.srv.SetClock(t, time.Now().Add(-30*time.Minute))
			b := w.srv.Bucket(t)
			if err := w.admin.client.MakeBucket(w.ctx, b, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
				t.Fatal(err)
			}
			policy := rolesPolicy{bucket: b, admin: w.srv.Admin.ARN(), target: w.srv.Host.ARN(), ceph: dialect == "rgw"}.String()
			if err := w.admin.client.SetBucketPolicy(w.ctx, b, policy); err != nil {
				t.Fatal(err)
			}
			rep, err := w.host.Access(w.ctx, b, AccessOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rep.Results {
				if r.Action == "lock an object at upload" && (r.Outcome == Allowed) != (dialect == "rgw") {
					t.Errorf("%+v", r)
				}
			}
			w.srv.AdvanceClock(t, 30*time.Second)
			if _, err := w.admin.Delete(w.ctx, b, DeleteOptions{}); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// A grant to another user, by any header or request, opens nothing on Ceph.
func TestGrantsAtUploadOpenNothing(t *testing.T) {
	w := newWorld(t, s3test.RGW())
	other := w.store(w.srv.Host2)
	grant := http.Header{"X-Amz-Grant-Read": {`id="` + w.srv.Host2.OwnerID() + `"`}}
	put := func() string {
		resp, err := w.host.s3.Send(w.ctx, s3versions.Request{Method: http.MethodPut, Bucket: w.bucket, Key: "data/secret", Header: grant, Body: []byte("old")})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("X-Amz-Version-Id")
	}
	read := func(version string) error {
		body, _, err := other.openObject(w.ctx, w.bucket, "data/secret", version)
		if err == nil {
			body.Close()
		}
		return err
	}
	old := put()
	put()
	for _, version := range []string{"", old} {
		if err := read(version); !errors.Is(err, ErrAccessDenied) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	// Without the statement it does, which is found out.
	if err := w.admin.client.SetBucketPolicy(w.ctx, w.bucket, bucketPolicy(w.bucket, w.srv.Admin.ARN(), w.srv.Host.ARN(), denial(w.bucket, w.srv.Host.ARN()))); err != nil {
		t.Fatal(err)
	}
	if err := read(old); err != nil {
		t.Errorf("the grant has no effect on this server: %v", err)
	}
	info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{NoVerify: true})
	if err != nil || !info.Check.OK || info.Check.StrangersDenied {
		t.Errorf("%v %+v", err, info)
	}
	rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
	if err != nil || rep.OK {
		t.Errorf("%v %+v", err, rep)
	}
}
