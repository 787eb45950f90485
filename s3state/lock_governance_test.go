package s3state

import (
	"net/http"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/s3err"
)

// What holds a lock in GOVERNANCE against the admin is the Deny of the bypass in the
// policy: with it the version stays, and without it the same request removes it.
func TestGovernanceNeedsTheDeny(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, _, _ := newLocked(t, LockOptions{Days: 3, Mode: Governance}, s3test.Dialect(dialect))
			putPack(t, w, "data/00/one", "")
			newest := func() (version string) {
				t.Helper()
				for v, err := range w.admin.Versions(w.ctx, w.bucket, "data/") {
					if err != nil {
						t.Fatal(err)
					}
					version = v.VersionID
				}
				return version
			}
			version := newest()
			if err := w.admin.removeBypassing(w.ctx, w.bucket, "data/00/one", version); s3err.Status(err) != http.StatusForbidden || newest() != version {
				t.Errorf("with the Deny: %v", err)
			}
			policy := bucketPolicy(w.bucket, w.srv.Admin.ARN(), w.srv.Host.ARN())
			if err := w.admin.client.SetBucketPolicy(w.ctx, w.bucket, policy); err != nil {
				t.Fatal(err)
			}
			if err := w.admin.removeBypassing(w.ctx, w.bucket, "data/00/one", version); err != nil || newest() != "" {
				t.Errorf("without the Deny: %v, there is %q", err, newest())
			}
		})
	}
}
