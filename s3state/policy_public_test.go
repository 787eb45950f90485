package s3state

import (
	"net/http"
	"strings"
	"testing"

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
