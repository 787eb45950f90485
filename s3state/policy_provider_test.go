package s3state

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// On Ceph, and only there, the policy needs a Deny: for the writer of an object may
// read its old versions.
func TestDenyOnCeph(t *testing.T) {
	if external() {
		harness.NotOnThisServer(t, "internal/harness/rgw tries it on the real one")
	}
	for _, ceph := range []bool{false, true} {
		var opts []s3test.Option
		if ceph {
			opts = append(opts, s3test.RGW())
		}
		w := newWorld(t, opts...)
		info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{})
		if err != nil || !info.Check.OK {
			t.Fatalf("%v %+v", err, info)
		}
		if info.Check.VersionsDenied != ceph {
			t.Errorf("Ceph %v: versions denied: %v", ceph, info.Check.VersionsDenied)
		}
		notes := strings.Join(info.Check.Notes, "\n")
		if strings.Contains(notes, "part by part") != ceph || strings.Contains(notes, "docs/migration.md") {
			t.Errorf("Ceph %v: %q", ceph, notes)
		}
		// a bucket of the Python program's has no Deny
		if err := w.admin.client.SetBucketPolicy(w.ctx, w.bucket, bucketPolicy(w.bucket, w.srv.Admin.ARN(), w.srv.Host.ARN())); err != nil {
			t.Fatal(err)
		}
		if info, err = w.admin.Info(w.ctx, w.bucket, InfoOptions{}); err != nil || !info.Check.OK || info.Check.VersionsDenied {
			t.Fatalf("%v %+v", err, info)
		}
		if notes := strings.Join(info.Check.Notes, "\n"); strings.Contains(notes, "docs/migration.md") != ceph {
			t.Errorf("Ceph %v, plain policy: %q", ceph, notes)
		}
		// a host that is denied versions still does its work
		w.put("data/00/x", "good")
		st := w.save()
		if _, _, err := w.restore(st, nil); err != nil {
			t.Error(err)
		}
	}
}
