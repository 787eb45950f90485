package s3state

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/minio/minio-go/v7"
)

// newLocked is a world whose bucket is locked for 30 days, with Host2 as the keeper.
func newLocked(t *testing.T, lock LockOptions, opts ...s3test.Option) (*world, *Store, *CreateResult) {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, opts...)}
	w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
	w.bucket = w.srv.Bucket(t)
	res, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{Lock: &lock, Keeper: w.srv.Host2.Name})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return w, w.store(w.srv.Host2), res
}

func TestCreateLocked(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, keeper, res := newLocked(t, LockOptions{Days: 30}, s3test.Dialect(dialect))
			if !res.Check.OK || res.Check.KeeperUser() != w.srv.Host2.Name || res.Keeper != res.Check.Keeper {
				t.Errorf("check: %+v", res.Check)
			}
			l := res.Lock
			if !l.Enabled || l.Mode != Compliance || l.Days != 30 || l.RetainDays != 40 || len(l.Problems) > 0 {
				t.Errorf("lock: %+v", l)
			}
			if len(res.LockProof.Refused) != 4 || res.LockProof.Left != "" {
				t.Errorf("proof: %+v", res.LockProof)
			}
			if left := dump(t, w.admin, w.bucket); len(left) > 0 {
				t.Errorf("trying out the lock left %v", left)
			}
			// The keeper sees the lock, extends it, and can neither shorten nor
			// destroy.
			v := w.put("data/x", "x")
			if got, err := keeper.Lock(w.ctx, w.bucket); err != nil || got.Days != 30 {
				t.Errorf("the keeper sees %+v, %v", got, err)
			}
			r, err := getRetention(w.ctx, keeper.s3, w.bucket, "data/x", v)
			if err != nil || r.mode != Compliance || time.Until(r.until) < 39*Day {
				t.Errorf("%+v %v", r, err)
			}
			later := retention{mode: Compliance, until: r.until.Add(Day)}
			if err := putRetention(w.ctx, keeper.s3, w.bucket, "data/x", v, later, false); err != nil {
				t.Errorf("extend: %v", err)
			}
			for _, s := range []*Store{keeper, w.host, w.admin} {
				if err := putRetention(w.ctx, s.s3, w.bucket, "data/x", v, r, true); err == nil {
					t.Error("shortened a lock")
				}
				if err := s.removeVersion(w.ctx, w.bucket, "data/x", v); err == nil {
					t.Error("removed a locked version")
				}
			}
			for _, s := range []*Store{keeper, w.host} {
				a := &accessor{s: s, bucket: w.bucket}
				for what, body := range map[string]string{
					"versioning":  `<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`,
					"lifecycle":   `<LifecycleConfiguration></LifecycleConfiguration>`,
					"object-lock": `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`,
					"policy":      `{}`,
				} {
					if err := a.put(w.ctx, what, body); !errors.Is(err, ErrAccessDenied) && s3Code(err) != "AccessDenied" {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			if err := putRetention(w.ctx, w.host.s3, w.bucket, "data/x", v, retention{mode: Compliance, until: r.until.Add(2 * Day)}, false); err == nil {
				t.Error("the host extended a lock")
			}
		})
	}
}

func s3Code(err error) string { return minio.ToErrorResponse(err).Code }

func TestCreateLockedGovernance(t *testing.T) {
	t.Parallel()
	// Without the bypass it holds, by the Deny in the policy.
	for _, dialect := range []string{"aws", "rgw20", "rgw18"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			_, _, res := newLocked(t, LockOptions{Days: 3, Mode: Governance}, s3test.Dialect(dialect))
			if !res.Check.OK || len(res.LockProof.Refused) != 3 || res.Lock.RetainDays != 5 {
				t.Errorf("%+v %+v %+v", res.Check, res.LockProof, res.Lock)
			}
			if len(res.Lock.Problems) != 1 || !strings.Contains(res.Lock.Problems[0], "bypass") {
				t.Errorf("problems: %q", res.Lock.Problems)
			}
		})
	}
}

// A server whose lock does not hold is found out, and nothing is left locked.
func TestCreateLockedRefused(t *testing.T) {
	t.Parallel()
	w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, s3test.Dialect("versitygw"))}
	key := w.srv.Host.AccessKey
	admin := w.store(w.srv.Admin, WithAdminPrincipal("arn:aws:iam::acme:user/"+w.srv.Admin.AccessKey))
	bucket := w.srv.Bucket(t)
	_, err := admin.Create(w.ctx, bucket, "arn:aws:iam::acme:user/"+key, CreateOptions{Lock: &LockOptions{Days: 30}})
	if err == nil {
		t.Fatal("a server that forgets the default retention was taken for one that locks")
	}
	var step *StepError
	if !errors.As(err, &step) || step.Next == "" || !slices.Contains(step.Done, "make the bucket") {
		t.Errorf("%v", err)
	}
	if errors.Is(err, ErrLockFails) == errors.Is(err, ErrNoLock) && !strings.Contains(err.Error(), "lifecycle") {
		t.Errorf("%v", err)
	}
}

func TestLockOptionsChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []LockOptions{
		{}, {Days: -1}, {Days: 30, GraceDays: 1}, {Days: 30, GraceDays: -5}, {Days: 36500}, {Days: 30, Mode: "governance"},
	} {
		if _, err := o.filled(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o, err := LockOptions{Days: 4}.filled()
	if err != nil || o.GraceDays != 2 || o.Mode != Compliance {
		t.Errorf("%+v %v", o, err)
	}
	var none *LockOptions
	if got, err := none.copied(); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
}

func TestKeeperPolicyJudged(t *testing.T) {
	t.Parallel()
	const bucket = "b"
	arn := func(name string) string { return userARN("acme", name) }
	check := func(p string) *PolicyCheck {
		return checkPolicy(bucket, &bucketConfig{
			acl: ACL{Owner: Owner{ID: "acme$admin"}}, policy: []byte(p), versioning: "Enabled",
		})
	}
	good := rolesPolicy{bucket: bucket, admin: arn("admin"), target: arn("host"), keeper: arn("keeper")}
	for _, p := range []rolesPolicy{
		good,
		{bucket: bucket, admin: arn("admin"), target: arn("host"), ceph: true},
		{bucket: bucket, admin: arn("admin"), target: arn("host"), keeper: arn("keeper"), ceph: true, lock: &LockOptions{Mode: Governance}},
	} {
		if c := check(p.String()); !c.OK || c.Keeper != p.keeper || c.VersionsDenied != p.ceph {
			t.Errorf("%+v: %+v", p, c)
		}
	}
	text := good.String()
	for name, bad := range map[string]string{
		"destroys versions": strings.Replace(text, `"s3:PutObjectRetention"`, `"s3:PutObjectRetention","s3:DeleteObjectVersion"`, 1),
		"changes lifecycle": strings.Replace(text, `"s3:PutObjectRetention"`, `"s3:PutObjectRetention","s3:PutLifecycleConfiguration"`, 1),
		"bypasses":          strings.Replace(text, `"s3:PutObjectRetention"`, `"s3:PutObjectRetention","s3:BypassGovernanceRetention"`, 1),
		"cannot read":       strings.Replace(text, `"s3:GetObjectVersion",`, "", 1),
		"is the host":       rolesPolicy{bucket: bucket, admin: arn("admin"), target: arn("host"), keeper: arn("host")}.String(),
		"is the admin":      rolesPolicy{bucket: bucket, admin: arn("admin"), target: arn("host"), keeper: arn("admin")}.String(),
		"twice": bucketPolicy(bucket, arn("admin"), arn("host"), policyStatement{
			Effect: "Allow", Principal: map[string][]string{"AWS": {arn("k1")}}, Action: keeperActions, Resource: resources(bucket),
		}, policyStatement{
			Effect: "Allow", Principal: map[string][]string{"AWS": {arn("k2")}}, Action: keeperActions, Resource: resources(bucket),
		}),
		"everybody":    strings.ReplaceAll(text, arn("keeper"), "*"),
		"denied renew": bucketPolicy(bucket, arn("admin"), arn("host"), denial(bucket, arn("nobody"))),
	} {
		if c := check(bad); c.OK {
			t.Errorf("a keeper who %s: OK", name)
		}
	}
}

func TestLockReclaimable(t *testing.T) {
	t.Parallel()
	l := &Lock{Enabled: true, Days: 30, RetainDays: 40, Lifecycle: []LifecycleRule{{NoncurrentDays: 30}}}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v := &Version{Key: "data/x", LastModified: start}
	for _, c := range []struct {
		current, now int
		want         bool
	}{
		{0, 29, false}, {0, 39, false}, {0, 40, true}, {20, 45, false}, {20, 50, true},
	} {
		if got := l.Reclaimable(v, start.Add(time.Duration(c.current)*Day), start.Add(time.Duration(c.now)*Day)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if (&Lock{}).Reclaimable(v, start, start.Add(1000*Day)) {
		t.Error("without a rule nothing is reclaimed")
	}
}

// What exists is locked where the server can do that; elsewhere the error says how to
// move, and moving works.
func TestLockBucket(t *testing.T) {
	t.Parallel()
	for dialect, can := range map[string]bool{"aws": true, "rgw20": true, "rgw": false} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			w.put("data/x", "x")
			opts := LockBucketOptions{Lock: LockOptions{Days: 30}, Keeper: w.srv.Host2.Name}
			if _, err := w.host.LockBucket(w.ctx, w.bucket, opts); !errors.Is(err, ErrAccessDenied) {
				t.Errorf("as the host: %v", err)
			}
			before := settings(t, w)
			res, err := w.admin.LockBucket(w.ctx, w.bucket, opts)
			if !can {
				if !errors.Is(err, ErrNoLock) || !strings.Contains(err.Error(), "storage-restore-state") || settings(t, w) != before {
					t.Fatalf("%v", err)
				}
				moved := w.srv.Bucket(t)
				r, err := w.admin.Restore(w.ctx, RestoreOptions{
					Source: w.bucket, Target: moved, Moment: Moment{At: time.Now().Add(time.Hour)},
					Lock: &LockOptions{Days: 30}, Keeper: w.srv.Host2.Name,
				})
				if err != nil || !r.Check.OK || r.Check.Keeper == "" || r.Objects != 1 || len(r.LockProof.Refused) != 4 {
					t.Fatalf("move: %+v %v", r, err)
				}
				f, err := w.admin.LockFloor(w.ctx, moved, FloorOptions{})
				if err != nil || !f.Kept() || f.Needed != 1 || f.Unlocked != 0 {
					t.Errorf("%+v %v", f, err)
				}
				return
			}
			if err != nil || !res.Check.OK || res.Lock.RetainDays != 40 || len(res.LockProof.Refused) != 4 || res.Check.Keeper != res.Keeper {
				t.Fatalf("%+v %v", res, err)
			}
			f, err := w.admin.LockFloor(w.ctx, w.bucket, FloorOptions{})
			if err != nil || f.Kept() || f.Unlocked != 1 || f.Lowest != "data/x" {
				t.Errorf("what was there: %+v %v", f, err)
			}
			clock := WithClock(func() time.Time { return time.Now().Add(time.Hour) }) // nothing is young
			keeper := w.store(w.srv.Host2, clock)
			if r, err := keeper.Renew(w.ctx, w.bucket, RenewOptions{}); err != nil || !r.Kept() || r.Renewed != 1 {
				t.Errorf("%+v %v", r, err)
			}
			if f, err := keeper.LockFloor(w.ctx, w.bucket, FloorOptions{All: true}); err != nil || !f.Kept() || f.Proved != 1 {
				t.Errorf("%+v %v", f, err)
			}
			// A longer promise, and the same keeper.
			res, err = w.admin.LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: LockOptions{Days: 60}})
			if err != nil || res.Lock.Days != 60 || res.LockProof != nil || res.Check.Keeper == "" {
				t.Errorf("%+v %v", res, err)
			}
			if _, err := w.admin.LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: LockOptions{Days: 3, Mode: Governance}}); !errors.Is(err, ErrInvalid) {
				t.Errorf("weaker: %v", err)
			}
		})
	}
}

func settings(t *testing.T, w *world) string {
	t.Helper()
	f, err := w.admin.bucketConfig(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.admin.Lock(w.ctx, w.bucket)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.policy) + string(f.versioning) + strings.Join(dump(t, w.admin, w.bucket), "\n") + string(l.Mode)
}

func TestReclaimSums(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	r := newReclaimer(&Lock{Lifecycle: []LifecycleRule{{NoncurrentDays: 30}}}, now)
	for _, v := range []Version{
		{Key: "a", IsLatest: true, Size: 1, LastModified: now.Add(-40 * Day)},
		{Key: "b", IsLatest: true, DeleteMarker: true, LastModified: now.Add(-29 * Day)}, // in a day
		{Key: "b", Size: 10, LastModified: now.Add(-50 * Day)},
		{Key: "c", IsLatest: true, LastModified: now.Add(-24 * Day)}, // in six
		{Key: "c", Size: 100, LastModified: now.Add(-26 * Day)},      // in four
		{Key: "c", Size: 1000, LastModified: now.Add(-80 * Day)},
	} {
		r.take(&v)
	}
	if want := []Reclaim{{1, 1, 10}, {7, 3, 1110}, {30, 3, 1110}}; !slices.Equal(r.sums, want) {
		t.Errorf("%+v", r.sums)
	}
}

// Locking a bucket keeps the lifecycle rules of others and names them; one that would
// break the promise is refused before anything changes.
func TestLockBucketKeepsRules(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			rules := func(days string) {
				t.Helper()
				body := `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
					`<Rule><ID>uploads</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>` +
					`<Rule><ID>old</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>` + days + `</NoncurrentDays></NoncurrentVersionExpiration></Rule>` +
					`</LifecycleConfiguration>`
				if err := w.admin.putSetting(w.ctx, w.bucket, "lifecycle", []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
			ids := func() (ids []string) {
				t.Helper()
				all, err := w.admin.storedRules(w.ctx, w.bucket)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range all {
					ids = append(ids, r.ID)
				}
				slices.Sort(ids)
				return ids
			}
			lock := LockBucketOptions{Lock: LockOptions{Days: 5}}
			rules("4")
			_, err := w.admin.LockBucket(w.ctx, w.bucket, lock)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"old"`) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("%v", err)
			}
			if l, err := w.admin.Lock(w.ctx, w.bucket); err != nil || l.Enabled {
				t.Errorf("%+v %v", l, err)
			}
			rules("50")
			for _, days := range []int{5, 6} { // and again, with another length
				lock.Lock.Days = days
				res, err := w.admin.LockBucket(w.ctx, w.bucket, lock)
				if err != nil || res.Lock.Days != days || len(res.KeptRules) != 2 || !strings.Contains(strings.Join(res.KeptRules, "\n"), `"old": removes old versions after 50 days below logs/`) {
					t.Fatalf("%+v %v", res, err)
				}
				if got := ids(); !slices.Equal(got, []string{"old", ruleID, "uploads"}) {
					t.Errorf("rules %q", got)
				}
			}
		})
	}
}
