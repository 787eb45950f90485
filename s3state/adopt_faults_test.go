package s3state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// messy is a plain bucket in which every step of an adoption has something to do.
func messy(t *testing.T) *world {
	t.Helper()
	w := newPlain(t, s3test.Dialect("rgw20"))
	w.policy(w.open(), strings.ReplaceAll(everyone, "BUCKET", w.bucket))
	a := &accessor{s: w.admin, bucket: w.bucket}
	acl := `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>%[1]s</ID></Owner><AccessControlList>` +
		`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>%[1]s</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>` +
		`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>%[2]s</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>` +
		`</AccessControlList></AccessControlPolicy>`
	for _, err := range []error{
		a.put(w.ctx, "lifecycle", fmt.Sprintf(rulesOf, rule("current", "", `<Expiration><Days>90</Days></Expiration>`))),
		a.put(w.ctx, "acl", fmt.Sprintf(acl, w.srv.Admin.OwnerID(), w.srv.Host.OwnerID())),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// guards are what protects a bucket; more of them is safer.
func (w *world) guards(t *testing.T) map[string]bool {
	t.Helper()
	f, err := w.admin.bucketConfig(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := w.admin.Lifecycle(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.admin.Lock(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	block, err := w.admin.accessBlock(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	versioned := f.versioning == "Enabled"
	f.acl.Grants, f.versioning = nil, "Enabled"
	return map[string]bool{
		"nothing expires":       !slices.ContainsFunc(rules, func(r LifecycleRule) bool { return r.ExpireDays > 0 }),
		"versions are kept":     versioned,
		"lock is on":            l.Enabled,
		"public ACLs are void":  block.IgnorePublicAcls,
		"the policy is policed": checkPolicy(w.bucket, f).OK,
	}
}

// Whatever request of an adoption fails, and however, the bucket is as it was or safer,
// the host can go on, and the same call completes it.
func TestAdoptStopsAtEveryStep(t *testing.T) {
	t.Parallel()
	opts := AdoptOptions{Lock: &LockOptions{Days: 3}, Keeper: "host2", Sealed: true, Replace: true}
	first := messy(t)
	first.srv.ResetRequests(t)
	res, err := first.admin.Adopt(first.ctx, first.bucket, "host", opts)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{stepRules, stepVersion, stepLockOn, stepBlock, stepPolicy, stepACL, stepLock}
	if got := stepNames(res.Plan); !slices.Equal(got, want) {
		t.Fatalf("steps %q", got)
	}
	if g := first.guards(t); len(g) != 5 || slices.Contains([]bool{g["nothing expires"], g["versions are kept"], g["lock is on"], g["public ACLs are void"], g["the policy is policed"]}, false) {
		t.Fatalf("%v", g)
	}
	// One fault at each request that sets something.
	var settings []string
	for _, c := range first.changes() {
		if path, query, _ := strings.Cut(c, "?"); path == "PUT /"+first.bucket || path == "DELETE /"+first.bucket {
			method, _, _ := strings.Cut(path, " ")
			settings = append(settings, method+" ?"+query)
		}
	}
	if len(settings) < 8 {
		t.Fatalf("only %q", settings)
	}
	for i, what := range settings {
		for _, kind := range []s3test.Kind{s3test.Status, s3test.ResetAfter} {
			opts := opts
			if locks := strings.HasSuffix(what, "lock=") || i > slices.Index(settings, "PUT ?acl="); !locks {
				opts.Lock = nil
			} else if kind == s3test.ResetAfter && i < len(settings)-1 && !harness.All() {
				continue // trying out a lock takes seconds
			}
			t.Run(fmt.Sprintf("%d %s", i, kind), func(t *testing.T) {
				t.Parallel()
				w := messy(t)
				w.admin = w.store(w.srv.Admin, WithRetries(1, 0))
				was := w.guards(t)
				method, rest, _ := strings.Cut(what, " ")
				_, query, _ := strings.Cut(rest, "?")
				w.srv.Inject(t, s3test.Fault{
					Method: method, Path: `^/` + w.bucket + `\?` + query, Kind: kind, Status: 403, Code: "AccessDenied",
					After: count(settings[:i], what),
				})
				res, err := w.admin.Adopt(w.ctx, w.bucket, "host", opts)
				var step *StepError
				if !errors.As(err, &step) || len(res.Done) > 0 && step.Next == "" || !slices.Equal(res.Done, step.Done) {
					t.Errorf("%s: %+v %v", what, res, err)
				}
				w.srv.ClearFaults(t)
				for name, is := range w.guards(t) {
					if was[name] && !is {
						t.Errorf("%s failed: no longer: %s", what, name)
					}
				}
				// What a change means, it means for everything before it.
				now := w.guards(t)
				if now["the policy is policed"] && !now["versions are kept"] {
					t.Errorf("%s failed: the policy protects no versions", what)
				}
				if _, err := w.host.putSmall(w.ctx, w.bucket, "index/new", []byte("new")); err != nil {
					t.Errorf("%s failed: the host cannot write: %v", what, err)
				}
				if err := w.host.get(w.ctx, w.bucket, "index/new"); err != nil {
					t.Errorf("%s failed: the host cannot read: %v", what, err)
				}
				if got := contents(t, w.admin, w.bucket); got["data/00/x"] != "content of data/00/x" {
					t.Errorf("%s failed: %v", what, got)
				}
				res, err = w.admin.Adopt(w.ctx, w.bucket, "host", opts)
				if err != nil || !res.Check.OK || !res.Check.Sealed || opts.Lock != nil && res.Lock.Days != 3 {
					t.Errorf("%s failed, and then: %+v %v", what, res, err)
				}
			})
		}
	}
}

func count(all []string, what string) (n int) {
	for _, s := range all {
		if s == what {
			n++
		}
	}
	return n
}

// A policy that the server keeps otherwise is taken back.
func TestAdoptPutsThePolicyBack(t *testing.T) {
	t.Parallel()
	w := newPlain(t)
	before, err := w.admin.getPolicy(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{id: w.srv.Admin, edit: func(text string) string {
		return strings.Replace(text, `"s3:ListBucketVersions",`, "", 1)
	}}
	w.admin = w.storeVia(w.srv.Admin, e)
	_, err = w.admin.Adopt(w.ctx, w.bucket, w.srv.Host.Name, AdoptOptions{})
	var step *StepError
	if !errors.Is(err, ErrPolicy) || !errors.As(err, &step) || step.Step != stepPolicy || e.edits.Load() == 0 {
		t.Errorf("%v", err)
	}
	if now, err := w.admin.getPolicy(w.ctx, w.bucket); err != nil || string(now) != string(before) {
		t.Errorf("%s became %s, %v", before, now, err)
	}
	// So is one of a new bucket.
	bucket := w.srv.Bucket(t)
	if _, err := w.admin.Create(w.ctx, bucket, w.srv.Host.Name, CreateOptions{}); !errors.Is(err, ErrPolicy) {
		t.Errorf("%v", err)
	}
	if now, err := w.admin.getPolicy(w.ctx, bucket); err != nil || now != nil {
		t.Errorf("%s, %v", now, err)
	}
}
