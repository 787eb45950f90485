package s3state

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// afterSave runs fn once, when the first state has been saved.
type afterSave struct{ fn func() }

func (h *afterSave) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if fn := h.fn; fn != nil && err == nil && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "rwm/state_") {
		h.fn = nil
		fn()
	}
	return resp, err
}

// What an attacker deletes or overwrites while versions are dropped is not
// purged, and there is a state that names it.
func TestDropKeepsWhatIsDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.put("config", "c")
	old := w.put("data/00/x", "old")
	deleted := w.put("data/00/x", "precious")
	overwritten := w.put("data/01/x", "precious too")
	w.save()
	res, err := w.storeVia(w.srv.Admin, &afterSave{fn: func() {
		w.del("data/00/x")
		w.put("data/01/x", "garbage")
		w.del("data/01/x")
	}}, WithParallel(1)).DropVersions(w.ctx, w.bucket, DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Join(dump(t, w.admin, w.bucket), "\n")
	if !strings.Contains(left, deleted) || !strings.Contains(left, overwritten) || strings.Contains(left, old) {
		t.Errorf("left:\n%s", left)
	}
	if got := contents(t, w.admin, w.bucket); got["data/00/x"] != "" || got["data/01/x"] != "" {
		t.Errorf("the deletions were undone: %q", got)
	}
	if res.Lost != 2 || len(res.Kept) != 1 {
		t.Fatalf("%+v", res)
	}
	_, target, err := w.restore(&res.Kept[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, w.admin, target); got["data/00/x"] != "precious" || got["data/01/x"] != "precious too" {
		t.Errorf("restored %q", got)
	}
	// Told of it, the admin may drop them.
	if res, err = w.admin.DropVersions(w.ctx, w.bucket, DropOptions{}); err != nil || res.Lost != 0 || len(res.Kept) != 0 {
		t.Errorf("%v %+v", err, res)
	}
	if slices.ContainsFunc(dump(t, w.admin, w.bucket), func(s string) bool { return strings.Contains(s, deleted) }) {
		t.Error("the second drop left the deleted version")
	}
}

// Between the check and the first state saved, too.
func TestDropKeepsWhatWasChecked(t *testing.T) {
	base := newWorld(t)
	for at := int64(0); ; at += s3test.Stride() {
		w := base.another(t)
		w.put("config", "c")
		precious := w.put("keys/00x", "precious")
		w.save()
		ran := false
		h := &hook{base: http.DefaultTransport, at: at, fn: func() { ran = true; w.del("keys/00x") }}
		_, err := w.storeVia(w.srv.Admin, h, WithParallel(1)).DropVersions(w.ctx, w.bucket, DropOptions{RequireComplete: true})
		if !ran {
			return
		}
		if !strings.Contains(strings.Join(dump(t, w.admin, w.bucket), " "), precious) {
			t.Errorf("deleted at request %d: the version is gone (%v)", at, err)
		}
	}
}
