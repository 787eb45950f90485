package s3state

import (
	"strings"
	"testing"
)

// Copies of packs of trees come and go with each prune: their history is no sign of
// anything, no stranger's, and neither states nor a drop nor a restore are troubled.
func TestTreeCopiesAreNoSign(t *testing.T) {
	t.Parallel()
	r := newFakeRestic(t)
	r.backup()
	one, two := treesPrefix+strings.Repeat("0a", 32), treesPrefix+strings.Repeat("0b", 32)
	r.put(one, "some trees")
	r.put(two, "short")
	st := r.backup()
	r.put(one, "written over by the host")
	r.del(two)
	r.put(two, "again, and other than before")
	r.del(one)
	last := r.backup()
	h := r.history()
	if h.Total != 0 || len(h.Suspicions) != 0 {
		t.Errorf("suspicions: %+v", h.Suspicions)
	}
	if h.LastGoodState == nil || h.LastGoodState.Key != last.Key {
		t.Errorf("last good: %+v", h.LastGoodState)
	}
	for _, state := range []*SavedState{st, last} {
		v, err := r.admin.VerifyState(r.ctx, r.bucket, state.Key, state.VersionID)
		if err != nil || v.Status != Verified {
			t.Errorf("%s: %+v %v", state.Key, v, err)
		}
	}
	target := r.srv.Bucket(t)
	if _, err := r.admin.Restore(r.ctx, RestoreOptions{Source: r.bucket, Target: target, Moment: Moment{StateKey: st.Key}}); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, r.admin, target); got[one] != "some trees" || got[two] != "short" {
		t.Errorf("restored: %q", got)
	}
	if _, err := r.admin.DropVersions(r.ctx, r.bucket, DropOptions{}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range dump(t, r.admin, r.bucket) {
		if strings.Contains(entry, treesPrefix) {
			left = append(left, entry)
		}
	}
	if len(left) != 1 || !strings.Contains(left[0], two) {
		t.Errorf("after the drop: %q", left)
	}
}
