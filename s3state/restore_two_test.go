package s3state

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Of two runs of the same restore into one bucket, the slower one
// stops: the other may have let the host in already.
func TestTwoRestoresOfTheSame(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.put(fmt.Sprintf("data/%d", i), "old")
	}
	st := w.save()
	overtaken := 0
	for at := int64(0); ; at += s3test.Stride() {
		target := w.srv.Bucket(t)
		opts := RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}
		ran, completed := false, false
		h := &hook{base: http.DefaultTransport, at: at, fn: func() {
			ran = true
			if _, err := w.admin.Restore(w.ctx, opts); err == nil {
				completed = true
				put(t, w.host, target, "data/2", "new backup")
			}
		}}
		outer := w.storeVia(w.srv.Admin, h, WithParallel(1))
		outer.guardEvery = 0
		_, err := outer.Restore(w.ctx, opts)
		if !ran {
			break
		}
		if completed && err != nil {
			overtaken++
			if check, err := w.admin.CheckPolicy(w.ctx, target); err != nil || !check.OK {
				t.Errorf("at request %d the policy of the other restore went: %+v, %v", at, check, err)
			}
		}
		if got := contents(t, w.admin, target); completed && err == nil && got["data/2"] != "new backup" {
			t.Errorf("at request %d: %v, %q", at, err, got)
		}
	}
	if overtaken == 0 {
		t.Error("no run was overtaken")
	}
}
