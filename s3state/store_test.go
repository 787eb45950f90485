package s3state

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCreateCheckListInfoDelete(t *testing.T) {
	w := newWorld(t)
	check, err := w.admin.CheckPolicy(w.ctx, w.bucket)
	if err != nil || !check.OK {
		t.Fatalf("check: %v %+v", err, check)
	}
	if check.Admin != w.srv.Admin.ARN() || check.Target != w.srv.Host.ARN() || check.Owner.ID != w.srv.Admin.OwnerID() {
		t.Errorf("check names %+v", check)
	}
	if hc, err := w.host.CheckPolicy(w.ctx, w.bucket); err != nil || !hc.OK {
		t.Errorf("the host cannot check: %v %+v", err, hc)
	}
	w.put("config", "c1")
	w.put("config", "c2")
	w.put("gone", "x")
	w.del("gone")
	st := w.save()
	info, err := w.admin.Info(w.ctx, w.bucket, InfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Objects != 2 || info.OldVersions != 2 || info.OldVersionBytes != 3 || info.DeleteMarkers != 1 || len(info.States) != 1 ||
		info.States[0].Key != st.Key || info.States[0].VersionID != st.VersionID || !info.Check.OK || info.ACL.Owner.ID == "" || info.Policy == nil {
		t.Errorf("info: %+v", info)
	}
	list, err := w.admin.List(w.ctx)
	if external() { // the server has the buckets of other tests, too
		list = slices.DeleteFunc(list, func(b BucketSummary) bool { return b.Name != w.bucket })
	}
	if err != nil || len(list) != 1 || list[0].Name != w.bucket || list[0].Err != nil || !list[0].Check.OK || list[0].Created.IsZero() {
		t.Errorf("list: %v %+v", err, list)
	}

	if _, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{}); !errors.Is(err, ErrTargetExists) {
		t.Errorf("create again: %v", err)
	}
	if _, err := w.host.Create(w.ctx, w.bucket, w.srv.Host2.Name, CreateOptions{}); !errors.Is(err, ErrTargetExists) {
		t.Errorf("create another's: %v", err)
	}
	for _, user := range []string{"", "a$b", "a/b", "*", "admin", strings.Replace(w.srv.Admin.ARN(), "admin", "*", 1), w.srv.Admin.ARN()} {
		b := w.srv.Bucket(t)
		if _, err := w.admin.Create(w.ctx, b, user, CreateOptions{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("create for %q: %v", user, err)
		}
		if found, err := w.admin.exists(w.ctx, b); err != nil || found {
			t.Errorf("create for %q left a bucket (%v)", user, err)
		}
	}

	if _, err := w.host.Delete(w.ctx, w.bucket, DeleteOptions{}); !errors.Is(err, ErrAccessDenied) {
		t.Errorf("delete as host: %v", err)
	}
	res, err := w.admin.Delete(w.ctx, w.bucket, DeleteOptions{})
	if err != nil || !res.BucketRemoved || res.Versions != 4 || res.DeleteMarkers != 1 {
		t.Errorf("delete: %v %+v", err, res)
	}
	if _, err := w.admin.CheckPolicy(w.ctx, w.bucket); !errors.Is(err, ErrNoBucket) {
		t.Errorf("check after delete: %v", err)
	}
	if _, err := w.admin.Delete(w.ctx, w.bucket, DeleteOptions{}); !errors.Is(err, ErrNoBucket) {
		t.Errorf("delete again: %v", err)
	}
}

// TestSaveAttackRestore is the story RWM exists for.
func TestSaveAttackRestore(t *testing.T) {
	w := newWorld(t)
	keys := w.takes("config", "data/00/00aa", "data/00/a+b c&d", "data/ff/ü\u2028x", "keys/k<>\"'", "snapshots/s", "zzz/\x01\r\n\ufffe", "a%2Bb", "100%")
	for _, k := range keys {
		w.put(k, "good "+k)
	}
	w.put("deleted", "x")
	w.del("deleted")
	want := contents(t, w.admin, w.bucket)
	st := w.save()

	for _, k := range keys[:5] {
		w.put(k, "evil")
	}
	for _, k := range keys {
		w.del(k)
	}
	w.del(st.Key)

	target := w.srv.Bucket(t)
	var events []Event
	res, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID},
		OnEvent: func(e Event) { events = append(events, e) }})
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	got := contents(t, w.admin, target)
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%q is %q, not %q", k, got[k], v)
		}
		delete(got, k)
	}
	if len(got) > 0 {
		t.Errorf("more than was saved: %q", got)
	}
	if res.Objects != int64(len(want)) || res.Copied != res.Objects || res.Verification.Status != Verified || !res.Check.OK || len(events) == 0 {
		t.Errorf("result %+v", res)
	}
	if res.Check.Target != w.srv.Host.ARN() {
		t.Errorf("target user %q", res.Check.Target)
	}
	if _, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: st.Key, StateVersion: st.VersionID}}); !errors.Is(err, ErrTargetExists) {
		t.Errorf("restore again into a finished bucket: %v", err)
	}
}

func TestCaptureReadBack(t *testing.T) {
	w := newWorld(t)
	for _, k := range []string{"a", "b", "c+d é"} {
		w.put(k, k)
		w.put(k, k+k)
	}
	w.del("b")
	var buf bytes.Buffer
	res, err := w.host.Capture(w.ctx, w.bucket, &buf, CaptureOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Objects != 2 || res.Versions != 6 || res.DeleteMarkers != 1 || res.TimeEnd.Before(res.TimeStart) {
		t.Errorf("%+v", res)
	}
	want := make(map[string]Version)
	for v, err := range w.admin.Versions(w.ctx, w.bucket, "") {
		if err != nil {
			t.Fatal(err)
		}
		want[v.Key+" "+v.VersionID] = v
	}
	sr := ReadState(strings.NewReader(buf.String()))
	n := 0
	for v, err := range sr.All() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		o := want[v.Key+" "+v.VersionID]
		if !v.LastModified.Equal(o.LastModified.Truncate(1000)) {
			t.Errorf("time %v, not %v", v.LastModified, o.LastModified)
		}
		v.LastModified = o.LastModified
		if v != o {
			t.Errorf("read %+v\nnot  %+v", v, o)
		}
	}
	h := sr.Header()
	if n != len(want) || h.BucketName != w.bucket || h.ACL.Owner.ID != w.srv.Admin.OwnerID() || len(h.ACL.Grants) == 0 ||
		!h.TimeStart.Equal(res.TimeStart.Truncate(1000)) || !h.TimeEnd.Equal(res.TimeEnd.Truncate(1000)) || h.Policy == nil {
		t.Errorf("%d entries, header %+v", n, h)
	}
}

func TestDropVersions(t *testing.T) {
	w := newWorld(t)
	w.put("keep", "1")
	keep := w.put("keep", "2")
	w.put("gone", "x")
	w.del("gone")
	for _, key := range []string{"odd\x02key", "odd key"} {
		if len(w.takes(key)) > 0 {
			w.put(key, "1")
			w.put(key, "2")
			break
		}
	}
	w.save()
	old := w.save()
	w.del(old.Key)
	want := contents(t, w.admin, w.bucket)
	if _, err := w.host.DropVersions(w.ctx, w.bucket, DropOptions{}); !errors.Is(err, ErrAccessDenied) {
		t.Errorf("drop as host: %v", err)
	}
	res, err := w.admin.DropVersions(w.ctx, w.bucket, DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.OldVersions != 3 || res.DeleteMarkers != 2 || res.States != 2 {
		t.Errorf("%+v", res)
	}
	states, err := w.admin.States(w.ctx, w.bucket)
	if err != nil || len(states) != 1 || states[0].Key != res.State.Key || states[0].VersionID != res.State.VersionID {
		t.Errorf("states: %v %+v", err, states)
	}
	left := dump(t, w.admin, w.bucket)
	if len(left) != 3 || !strings.Contains(left[0], keep) {
		t.Errorf("left: %q", left)
	}
	for k, v := range contents(t, w.admin, w.bucket) {
		if want[k] != v && k != res.State.Key {
			t.Errorf("%q is %q, not %q", k, v, want[k])
		}
	}
	target := w.srv.Bucket(t)
	if _, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{StateKey: res.State.Key, StateVersion: res.State.VersionID}}); err != nil {
		t.Errorf("the new state cannot be restored: %v", err)
	}
}
