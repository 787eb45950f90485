package s3state

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Each of the three identities of a locked bucket with a sealed host proves what it can
// do, and is found out by itself.
func TestAccessByRole(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, keeper, _ := newLocked(t, LockOptions{Days: 1}, s3test.Dialect(dialect))
			if _, err := w.admin.Seal(w.ctx, w.bucket, SealOptions{}); err != nil {
				t.Fatal(err)
			}
			putPack(t, w, "data/00/one", grantOwner(w, dialect))
			for role, s := range map[Role]*Store{RoleAdmin: w.admin, RoleKeeper: keeper, RoleHost: w.host} {
				rep, err := s.Access(w.ctx, w.bucket, AccessOptions{})
				if err != nil || rep.Role != role || rep.RoleBy != RoleByIdentity || !rep.OK {
					t.Errorf("%s: %v %+v", role, err, rep)
				}
				got := outcomes(rep)
				lockRow := Allowed
				for _, action := range []string{"delete a locked version", "delete a locked version by a bypass", "shorten a lock", "weaken a lock"} {
					if want := map[bool]Outcome{true: "", false: Refused}[role == RoleHost]; got[action] != want {
						t.Errorf("%s: %s: %q, not %q", role, action, got[action], want)
					}
				}
				if role == RoleHost {
					lockRow = ""
				}
				for _, action := range []string{"extend a lock", "read a lock", "read file data", "read file data by version"} {
					if got[action] != lockRow {
						t.Errorf("%s: %s: %q", role, action, got[action])
					}
				}
				wantPolicy := map[Role]Outcome{RoleAdmin: Allowed, RoleKeeper: Refused, RoleHost: Refused}[role]
				if got["change the policy"] != wantPolicy || got["suspend versioning"] != wantPolicy {
					t.Errorf("%s: %+v", role, got)
				}
			}
			if check, err := w.admin.CheckPolicy(w.ctx, w.bucket); err != nil || !check.OK {
				t.Errorf("%v %+v", err, check)
			}
			// The role can be named; then its expectation is not met by another's keys.
			rep, err := w.host.Access(w.ctx, w.bucket, AccessOptions{As: RoleKeeper, Quick: true})
			if err != nil || rep.OK || rep.RoleBy != RoleGiven {
				t.Errorf("the host as the keeper: %v %+v", err, rep)
			}
			rep, err = keeper.Access(w.ctx, w.bucket, AccessOptions{As: RoleHost})
			if err != nil || outcomes(rep)["read an old version"] != Allowed {
				t.Errorf("the keeper as the host: %v %+v", err, rep)
			}
			// The owner's keys where the host's are expected try nothing.
			before := dump(t, w.admin, w.bucket)
			for _, as := range []Role{RoleHost, RoleKeeper} {
				if _, err := w.admin.Access(w.ctx, w.bucket, AccessOptions{As: as}); !errors.Is(err, ErrOwner) {
					t.Errorf("the owner as the %s: %v", as, err)
				}
			}
			if !slices.Equal(before, dump(t, w.admin, w.bucket)) {
				t.Error("it wrote something")
			}
			if _, err := w.host.Access(w.ctx, w.bucket, AccessOptions{As: "root"}); !errors.Is(err, ErrInvalid) {
				t.Errorf("%v", err)
			}
		})
	}
}

func outcomes(r *AccessReport) map[string]Outcome {
	got := map[string]Outcome{}
	for _, x := range r.Results {
		got[x.Action] = x.Outcome
	}
	return got
}

// grantOwner is the header by which RWM uploads packs of a sealed host on Ceph.
func grantOwner(w *world, dialect string) string {
	if dialect == "rgw" || external() {
		return w.srv.Admin.OwnerID()
	}
	return ""
}

// In a bucket that is not locked the admin removes all that trying has left, and a
// keeper with more rights than its role is found out.
func TestAccessByRoleUnlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.srv.Bucket(t)
	if _, err := w.admin.Create(w.ctx, b, w.srv.Host.Name, CreateOptions{Keeper: w.srv.Host2.Name}); err != nil {
		t.Fatal(err)
	}
	keeper := w.store(w.srv.Host2)
	put(t, w.host, b, "config", "c")
	before := dump(t, w.admin, b)
	rep, err := w.admin.Access(w.ctx, b, AccessOptions{})
	if err != nil || rep.Role != RoleAdmin || !rep.OK || outcomes(rep)["delete a version"] != Allowed {
		t.Errorf("%v %+v", err, rep)
	}
	if after := dump(t, w.admin, b); !slices.Equal(before, after) {
		t.Errorf("the admin left %q", after)
	}
	rep, err = keeper.Access(w.ctx, b, AccessOptions{})
	if err != nil || rep.Role != RoleKeeper || !rep.OK || outcomes(rep)["delete a version"] != Refused {
		t.Errorf("%v %+v", err, rep)
	}
	for _, r := range rep.Results {
		if !r.Met() {
			t.Errorf("%+v", r)
		}
	}

	policy, err := w.admin.client.GetBucketPolicy(w.ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.ReplaceAll(policy, `"s3:PutObjectRetention","s3:GetBucketObjectLock`, `"s3:PutObjectRetention","s3:DeleteObjectVersion","s3:PutLifecycleConfiguration","s3:GetBucketObjectLock`)
	more = strings.ReplaceAll(more, `"s3:DeleteObjectVersion","s3:DeleteObjectVersionTagging"`, `"s3:DeleteObjectVersionTagging"`)
	if more == policy {
		t.Fatalf("the policy has another form: %s", policy)
	}
	if err := w.admin.client.SetBucketPolicy(w.ctx, b, more); err != nil {
		t.Fatal(err)
	}
	rep, err = keeper.Access(w.ctx, b, AccessOptions{})
	if err != nil || rep.Role != RoleKeeper || rep.OK || outcomes(rep)["delete a version"] != Allowed {
		t.Errorf("a keeper that destroys: %v %+v", err, rep)
	}
}

// Where the server does not say who the caller is, what it may read tells the keeper
// from the host, and nobody passes for the admin.
func TestAccessRoleByRights(t *testing.T) {
	t.Parallel()
	w, keeper, _ := newLocked(t, LockOptions{Days: 1})
	for want, s := range map[Role]*Store{RoleKeeper: keeper, RoleHost: w.host} {
		config, err := s.bucketConfig(w.ctx, w.bucket)
		if err != nil {
			t.Fatal(err)
		}
		check := checkPolicy(w.bucket, config)
		a := &accessor{s: s, bucket: w.bucket, config: config, report: &AccessReport{Check: check}}
		check.Owner.ID = strings.Repeat("0123456789abcdef", 4) // an account's, as on AWS
		check.Keeper, check.Target = "arn:aws:iam::1:user/k", "arn:aws:iam::1:user/h"
		if err := a.findRole(w.ctx, ""); err != nil || a.report.Role != want || a.report.RoleBy != RoleByRights {
			t.Errorf("%s: %v %+v", want, err, a.report)
		}
	}
}
