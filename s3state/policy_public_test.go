package s3state

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// What the policy leaves open is noted by who can see it; the bucket is OK all the
// same.
func TestInfoNotesWhatIsOpen(t *testing.T) {
	w := newWorld(t)
	answer := func(status int, code string) {
		w.srv.ClearFaults(t)
		if status != 0 {
			w.srv.Inject(t, s3test.Fault{Method: http.MethodGet, Path: "publicAccessBlock", Kind: s3test.Status, Status: status, Code: code})
		}
	}
	for _, c := range []struct {
		status     int
		code, want string
	}{
		{http.StatusNotImplemented, "NotImplemented", "cannot ignore public ACLs"},
		{http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration", "docs/migration.md"},
		{http.StatusForbidden, "AccessDenied", ""},
	} {
		answer(c.status, c.code)
		info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{})
		if err != nil || !info.Check.OK {
			t.Fatalf("%d: %v", c.status, err)
		}
		notes := strings.Join(info.Check.Notes, "\n")
		if !strings.Contains(notes, c.want) || c.want == "" && strings.Contains(notes, "public") {
			t.Errorf("%d: %q, want %q", c.status, notes, c.want)
		}
	}
	answer(http.StatusInternalServerError, "InternalError")
	if _, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{}); err == nil || !strings.Contains(err.Error(), w.bucket) {
		t.Errorf("a failing server: %v", err)
	}
}

// A new bucket on AWS blocks all public access. What is on stays on.
func TestPublicAccessBlockOnlyGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := accessBlockXML{BlockPublicPolicy: true, RestrictPublicBuckets: true}
	for range 2 {
		if _, err := w.admin.sendAccessBlock(w.ctx, w.bucket, all); err != nil {
			t.Fatal(err)
		}
		known, err := w.admin.putPublicAccessBlock(w.ctx, w.bucket)
		if err != nil {
			t.Fatal(err)
		}
		if !known {
			harness.NotOnThisServer(t, "it has no public access block")
		}
		all.IgnorePublicAcls = true
		if got, err := w.admin.accessBlock(w.ctx, w.bucket); err != nil || got.accessBlockXML != all {
			t.Errorf("%+v, %v", got, err)
		}
	}
}
