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

// If there is no room even for the last state, the one of the beginning stays, and is
// good.
func TestDropOfABucketThatStaysFull(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	old := w.put("data/00/x", "old")
	current := w.put("data/00/x", "current")
	w.save()
	w.srv.Inject(t, s3test.Fault{Method: http.MethodPut, Path: "/" + statePrefix, Kind: s3test.Status, Status: 403, Code: "QuotaExceeded", After: 1})
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
	if err != nil || !res.Full || res.State == nil || res.OldVersions != 1 {
		t.Fatalf("%v %+v", err, res)
	}
	w.srv.ClearFaults(t)
	left := strings.Join(dump(t, w.admin, w.bucket), "\n")
	if strings.Contains(left, old) || !strings.Contains(left, current) || !strings.Contains(left, res.State.VersionID) {
		t.Errorf("left:\n%s", left)
	}
	v, err := w.admin.VerifyState(w.ctx, w.bucket, res.State.Key, res.State.VersionID)
	if err != nil || v.Status != Verified {
		t.Errorf("%v %+v", err, v)
	}
	if res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil || res.Full || res.States != 1 {
		t.Errorf("%v %+v", err, res)
	}
}
