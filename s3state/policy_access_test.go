package s3state

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	w := newWorld(t)
	config := strings.Repeat("c", shortest)
	w.put("config", config)
	before := contents(t, w.admin, w.bucket)
	rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		t.Logf("%-28s %-8s expected %-8s harm=%v %s", r.Action, r.Outcome, r.Expected, r.Harm, r.Detail)
	}
	if !rep.OK || len(rep.Results) < 10 {
		t.Errorf("%+v", rep)
	}
	if after := contents(t, w.admin, w.bucket); len(after) != len(before) {
		t.Errorf("it left %q", after)
	}
	if check, err := w.admin.CheckPolicy(w.ctx, w.bucket); err != nil || !check.OK {
		t.Errorf("%v %+v", err, check)
	}
	h, err := w.admin.History(w.ctx, w.bucket, HistoryOptions{})
	if err != nil || len(h.Suspicions)+len(h.Notes) > 0 {
		t.Fatalf("%v %+v", err, h)
	}
	for _, step := range h.Steps {
		if counts := DescribeCounts(step.Counts, nil); strings.Contains(counts, "state") || !strings.Contains(counts, "1 canary") {
			t.Errorf("history shows %s", counts)
		}
	}
	entries := dump(t, w.admin, w.bucket)
	if quick, err := w.host.Access(w.ctx, w.bucket, AccessOptions{Quick: true}); err != nil || !quick.OK {
		t.Errorf("%v %+v", err, quick)
	}
	if !slices.Equal(entries, dump(t, w.admin, w.bucket)) {
		t.Error("the quick way wrote something")
	}
	if _, err := w.admin.Access(w.ctx, w.bucket, AccessOptions{As: RoleHost}); !errors.Is(err, ErrOwner) {
		t.Errorf("as the admin: %v", err)
	}

	// A policy that allows too much is found out.
	p := policyDocument{Version: "2012-10-17", Statement: []policyStatement{adminStatement(w.bucket, w.srv.Admin.ARN()), adminStatement(w.bucket, w.srv.Host.ARN())}}
	if err := w.admin.client.SetBucketPolicy(w.ctx, w.bucket, encodePolicy(p.Statement...)); err != nil {
		if external() && refusesForm(err) {
			t.Skipf("this server takes no such policy: %v", err)
		}
		t.Fatal(err)
	}
	rep, err = w.host.Access(w.ctx, w.bucket, AccessOptions{})
	if err != nil || rep.OK {
		t.Fatalf("%v %+v", err, rep)
	}
	harm := map[string]bool{}
	for _, r := range rep.Results {
		harm[r.Action] = r.Harm
	}
	for _, action := range []string{"delete a version", "change the policy", "suspend versioning", "delete the bucket"} {
		if !harm[action] {
			t.Errorf("%s: not found out", action)
		}
	}
	if got := contents(t, w.admin, w.bucket); got["config"] != config {
		t.Errorf("it harmed: %q", got)
	}
}
