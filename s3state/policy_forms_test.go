package s3state

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Every server gets the policy in the form that it takes, a new bucket and one that
// exists, and the host's credentials prove it.
func TestPolicyForms(t *testing.T) {
	t.Parallel()
	for dialect, form := range map[string]struct{ admin, all string }{
		"aws":       {"arn:aws:iam::acme:user/admin", "*"},
		"rgw":       {"arn:aws:iam::acme:user/admin", "*"},
		"seaweedfs": {"arn:aws:iam::000000000000:user/admin", "s3:*"},
		"versitygw": {"", "s3:*"},
	} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, s3test.Dialect(dialect))}
			w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
			if form.admin == "" {
				form.admin = w.srv.Admin.AccessKey
			}
			w.bucket = w.srv.Bucket(t)
			host, keeper := w.srv.Host.Name, w.srv.Host2.Name
			res, err := w.admin.Create(w.ctx, w.bucket, host, CreateOptions{Keeper: keeper, Sealed: true})
			if err != nil {
				t.Fatal(err)
			}
			check := func(c *PolicyCheck) {
				t.Helper()
				if !c.OK || c.Admin != form.admin || c.all != form.all || c.TargetUser() != host || c.KeeperUser() != keeper || !c.Sealed {
					t.Errorf("%+v", c)
				}
				report, err := w.host.Access(w.ctx, w.bucket, AccessOptions{})
				if err != nil || !report.OK {
					t.Errorf("%+v, %v", report, err)
				}
			}
			check(res.Check)
			if res.Admin != form.admin {
				t.Errorf("%+v", res)
			}
			for _, c := range []struct{ host, keeper string }{{form.admin, ""}, {host, form.admin}} {
				if _, err := w.admin.Create(w.ctx, w.srv.Bucket(t), c.host, CreateOptions{Keeper: c.keeper}); !errors.Is(err, ErrInvalid) {
					t.Errorf("the admin as another: %v", err)
				}
			}
			w.plain(w.admin)
			opts := AdoptOptions{Keeper: keeper, Sealed: true}
			adopted, err := w.admin.Adopt(w.ctx, w.bucket, host, opts)
			if err != nil {
				t.Fatal(err)
			}
			check(adopted.Check)
			for _, opts := range []AdoptOptions{opts, {}} {
				again, err := w.admin.Adopt(w.ctx, w.bucket, host, opts)
				if err != nil || len(again.Plan.Steps) > 0 || again.Plan.Admin != form.admin {
					t.Errorf("the second time: %v %+v, %v", stepNames(again.Plan), again.Plan, err)
				}
			}
			if _, err := w.admin.Seal(w.ctx, w.bucket, SealOptions{}); err != nil {
				t.Error(err)
			}
			// A restored bucket gets the form of its source, and one whose source has
			// no policy to go by, what the server takes.
			put(t, w.admin, w.bucket, "data/00/pack", "content") // Ceph lets an admin without a policy read nothing else
			moment := Moment{At: time.Now().Add(time.Hour)}
			for _, user := range []string{"", host} {
				target := w.srv.Bucket(t)
				if user != "" {
					m := &maker{s: w.admin, bucket: w.bucket}
					if err := m.putBack(w.ctx, nil); err != nil { // there is none
						t.Fatal(err)
					}
				}
				restored, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: moment, TargetUser: user, Keeper: map[bool]string{true: keeper}[user != ""]})
				if err != nil {
					t.Fatalf("restore for %q: %v", user, err)
				}
				if c := restored.Check; !c.OK || c.Admin != form.admin || c.all != form.all || restored.TargetUser != c.Target || c.TargetUser() != host || c.KeeperUser() != keeper {
					t.Errorf("restored for %q: %+v %+v", user, restored, c)
				}
			}
		})
	}
}

// In an account of Ceph the owner does not tell who the admin is: it has to be named,
// and then the policy names users by the account.
func TestPolicyOfAnAccount(t *testing.T) {
	t.Parallel()
	const account = "RGW11122233344455566"
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, s3test.Dialect("rgw20"), s3test.Account(account))}
	w.admin = w.store(w.srv.Admin)
	w.plain(w.admin)
	for _, err := range []error{
		second(w.admin.Adopt(w.ctx, w.bucket, "host", AdoptOptions{})),
		second(w.admin.Create(w.ctx, w.srv.Bucket(t), "host", CreateOptions{})),
	} {
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), account) || !strings.Contains(err.Error(), "--admin NAME") {
			t.Errorf("%v", err)
		}
	}
	named := w.store(w.srv.Admin, WithAdminPrincipal("admin"))
	res, err := named.Adopt(w.ctx, w.bucket, "host", AdoptOptions{Keeper: "host2"})
	if err != nil || !res.Check.OK || res.Check.Target != "arn:aws:iam::"+account+":user/host" || res.Check.Admin != w.srv.Admin.ARN() {
		t.Fatalf("%+v, %v", res, err)
	}
	made, err := named.Create(w.ctx, w.srv.Bucket(t), "host", CreateOptions{})
	if err != nil || !made.Check.OK || made.Target != "arn:aws:iam::"+account+":user/host" {
		t.Errorf("%+v, %v", made, err)
	}
	// The account's ID does not say that it is the admin who asks.
	if _, err := w.store(w.srv.Host).Access(w.ctx, w.bucket, AccessOptions{Quick: true}); err != nil {
		t.Errorf("%v", err)
	}
}

// Roles of AWS are named as they are.
func TestPolicyOfRoles(t *testing.T) {
	f := goodConfig()
	f.acl.Owner.ID, f.acl.Grants = strings.Repeat("0a", 32), nil
	admin, host := "arn:aws:iam::123456789012:role/backup-admin", "arn:aws:iam::123456789012:role/app/host1"
	s := New(nil, WithAdminPrincipal(admin))
	got, err := s.adminOf(f.acl.Owner)
	if err != nil || got != admin {
		t.Fatalf("%s, %v", got, err)
	}
	target, err := targetPrincipal(host, got)
	if err != nil || target != host {
		t.Fatalf("%s, %v", target, err)
	}
	for _, text := range (rolesPolicy{bucket: "b"}).variants(s.forms(roles{admin: got, target: target}, host, "", false), nil) {
		f.policy = []byte(text)
		if c := checkPolicy("b", f); !c.OK || c.Target != host {
			t.Errorf("%s: %+v", text, c)
		}
	}
	if n := len(s.forms(roles{admin: got, target: target}, host, "", false)); n != 2 {
		t.Errorf("%d forms of given ARNs", n)
	}
}

// In GOVERNANCE the bypass is denied before the lock is tried, in the form that the
// server takes.
func TestGovernanceForms(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"rgw20", "seaweedfs"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, s3test.Dialect(dialect))}
			w.admin = w.store(w.srv.Admin)
			res, err := w.admin.Create(w.ctx, w.srv.Bucket(t), w.srv.Host.Name, CreateOptions{Lock: &LockOptions{Days: 1, Mode: Governance}})
			if dialect == "seaweedfs" && external() {
				// Its users with the action Admin are above every policy, which is
				// found out.
				if !errors.Is(err, ErrLockFails) {
					t.Errorf("%+v %v", res, err)
				}
				return
			}
			if err != nil || !res.Check.OK || len(res.LockProof.Refused) != 3 {
				t.Errorf("%+v %v", res, err)
			}
		})
	}
}
