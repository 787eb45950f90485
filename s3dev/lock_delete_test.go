package s3dev_test

import (
	"strings"
	"testing"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

// TestBypassByDelete is RGW's hole: DeleteObjectVersion is enough to remove
// what GOVERNANCE protects, unless the bypass is denied outright.
func TestBypassByDelete(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect]string{
		s3dev.AWS: "403 AccessDenied", s3dev.RGW: "204", s3dev.RGW18: "204", s3dev.RGW20: "403 AccessDenied",
	} {
		e := startAt(t, dialect)
		c := e.lockedBucket("locked", "s3:DeleteObjectVersion")
		try := func() string {
			v := e.put(c, "locked", "k", "x")
			if got := e.retain(adminUser, "/locked/k", v, "GOVERNANCE", lockStart.Add(day)); got != "200" {
				t.Fatal(got)
			}
			if got := e.status(hostUser, "DELETE", "/locked/k", "versionId="+v, ""); got != "403 AccessDenied" {
				t.Errorf("%s: without the header: %s", dialect, got)
			}
			return e.status(hostUser, "DELETE", "/locked/k", "versionId="+v, "", "X-Amz-Bypass-Governance-Retention", "true")
		}
		if got := try(); got != want {
			t.Errorf("%s: %s, want %s", dialect, got, want)
		}
		e.setPolicy("locked", strings.NewReplacer(`"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:BypassGovernanceRetention","Resource":"arn:aws:s3:::locked/*"},`,
			`"s3:ListBucket"`, `"s3:ListBucket","s3:DeleteObjectVersion"`).Replace(policy("locked")))
		if got := try(); got != "403 AccessDenied" {
			t.Errorf("%s: denied: %s", dialect, got)
		}
	}
}

// TestBatchDeleteOfLocked: each key has its own answer.
func TestBatchDeleteOfLocked(t *testing.T) {
	t.Parallel()
	e := startAt(t, s3dev.AWS)
	c := e.lockedBucket("locked")
	free, locked := e.put(c, "locked", "free", "x"), e.put(c, "locked", "locked", "x")
	governed := e.put(c, "locked", "governed", "x")
	e.retain(adminUser, "/locked/locked", locked, "COMPLIANCE", lockStart.Add(day))
	e.retain(adminUser, "/locked/governed", governed, "GOVERNANCE", lockStart.Add(day))
	objects := make(chan minio.ObjectInfo, 4)
	for key, v := range map[string]string{"free": free, "locked": locked, "governed": governed} {
		objects <- minio.ObjectInfo{Key: key, VersionID: v}
	}
	objects <- minio.ObjectInfo{Key: "locked"} // a marker is no deletion
	close(objects)
	failed := map[string]string{}
	for r := range c.RemoveObjectsWithResult(t.Context(), "locked", objects, minio.RemoveObjectsOptions{GovernanceBypass: true}) {
		if r.Err != nil {
			failed[r.ObjectName] = minio.ToErrorResponse(r.Err).Code
		}
	}
	if len(failed) != 1 || failed["locked"] != "AccessDenied" {
		t.Errorf("failed: %v", failed)
	}
	if got := e.history(c, "locked"); strings.Contains(got, "free") || strings.Contains(got, "governed") || !strings.Contains(got, "locked") {
		t.Errorf("left: %s", got)
	}
}

// TestMarkerRetention: only some servers lock delete markers.
func TestMarkerRetention(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[s3dev.Dialect][2]string{
		s3dev.AWS:       {"405 MethodNotAllowed", "204"},
		s3dev.RGW:       {"405 MethodNotAllowed", "204"},
		s3dev.SeaweedFS: {"200", "403 AccessDenied"},
	} {
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		e.Clock().Freeze(lockStart)
		c := e.client(adminUser)
		e.ok(c.MakeBucket(t.Context(), "locked", minio.MakeBucketOptions{ObjectLocking: true}))
		e.put(c, "locked", "k", "x")
		resp, _ := e.raw(&adminUser, "DELETE", "/locked/k", "", nil)
		marker := resp.Header.Get("X-Amz-Version-Id")
		if got := e.retain(adminUser, "/locked/k", marker, "COMPLIANCE", lockStart.Add(day)); got != want[0] {
			t.Errorf("%s: %s, want %s", dialect, got, want[0])
		}
		if got := e.status(adminUser, "DELETE", "/locked/k", "versionId="+marker, ""); got != want[1] {
			t.Errorf("%s: deleting the marker: %s, want %s", dialect, got, want[1])
		}
	}
}
