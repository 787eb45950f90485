package s3state

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// A bucket that takes nothing more is reclaimed all the same: room is made first. If
// there is none to make, the message names the way out and nothing is lost.
func TestDropOfAFullBucket(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	old := w.put("data/00/x", "old")
	current := w.put("data/00/x", "current")
	st := w.save()
	full := s3test.Fault{Method: http.MethodPut, Path: "/" + statePrefix, Kind: s3test.Status, Status: 403, Code: "QuotaExceeded", Times: 1}
	w.srv.Inject(t, full)
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{KeepStates: 1})
	if err != nil || res.OldVersions != 1 || res.State == nil || len(res.Kept) != 1 || res.Kept[0].Key != st.Key {
		t.Fatalf("%v %+v", err, res)
	}
	left := strings.Join(dump(t, w.admin, w.bucket), "\n")
	if strings.Contains(left, old) || !strings.Contains(left, current) || !strings.Contains(left, st.VersionID) {
		t.Errorf("left:\n%s", left)
	}
	w.srv.ClearFaults(t)
	full.Times = 0
	w.srv.Inject(t, full)
	w.put("data/00/x", "newer")
	if _, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "quota") {
		t.Errorf("%v", err)
	}
	if left := strings.Join(dump(t, w.admin, w.bucket), "\n"); !strings.Contains(left, st.VersionID) || strings.Contains(left, current) {
		t.Errorf("left:\n%s", left)
	}
}
