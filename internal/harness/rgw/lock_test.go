package rgw_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/cesnet/rwm/internal/harness/rgw"
	"github.com/cesnet/rwm/s3state"
)

// A locked bucket on a real gateway, whose lifecycle has days of three seconds: what
// each of the three identities can do, the renewal by the keeper, and what lifecycle
// takes.
func TestLockedBucket(t *testing.T) {
	ctx := context.Background()
	user := func(name string) rgw.User {
		return rgw.User{Tenant: "acme", Name: name, AccessKey: "AK" + strings.ToUpper(name), SecretKey: name + "-secret"}
	}
	c := startWith(t, rgw.Options{LifecycleDay: 3 * time.Second}, user("admin"), user("host"), user("keeper"))
	admin, host, keeper := client(t, c, user("admin")), client(t, c, user("host")), client(t, c, user("keeper"))
	const bucket = "backups"
	res, err := s3state.New(admin).Create(ctx, bucket, "host", s3state.CreateOptions{Lock: &s3state.LockOptions{Days: 2}, Keeper: "keeper"})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Check.OK || res.Check.KeeperUser() != "keeper" || len(res.LockProof.Refused) != 4 || res.Lock.Days != 2 || res.Lock.RetainDays != 4 {
		t.Errorf("%+v %+v %+v", res.Check, res.LockProof, res.Lock)
	}
	// Ceph 16 ends a lock that is extended to a date it cannot store, and is found out.
	release, err := c.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if (res.LockProof.Gap != "") != (release < 18) {
		t.Errorf("Ceph %d: %q", release, res.LockProof.Gap)
	}
	put := func(c *minio.Client, key string, opts minio.PutObjectOptions) string {
		t.Helper()
		opts.SendContentMd5 = true
		up, err := c.PutObject(ctx, bucket, key, strings.NewReader(key), int64(len(key)), opts)
		if err != nil {
			t.Fatalf("put %s: %v", key, err)
		}
		return up.VersionID
	}
	versions := func() string {
		t.Helper()
		var all []string
		for v, err := range s3state.New(admin).Versions(ctx, bucket, "") {
			if err != nil {
				t.Fatal(err)
			}
			what := v.Key
			if v.DeleteMarker {
				what += "(marker)"
			}
			all = append(all, what)
		}
		return strings.Join(all, " ")
	}

	// What was deleted stays while it is locked; what is locked for seconds goes, and
	// its marker with it.
	locked := put(host, "data/locked", minio.PutObjectOptions{})
	short := minio.PutObjectOptions{Mode: minio.Compliance, RetainUntilDate: time.Now().Add(4 * time.Second)}
	put(admin, "data/short", short)
	for _, key := range []string{"data/locked", "data/short"} {
		if err := host.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	current := put(host, "data/current", minio.PutObjectOptions{})

	// Nobody removes, shortens or weakens.
	soon := time.Now().Add(time.Hour)
	compliance, governance := minio.Compliance, minio.Governance
	for name, c := range map[string]*minio.Client{"admin": admin, "host": host, "keeper": keeper} {
		for what, err := range map[string]error{
			"remove":  c.RemoveObject(ctx, bucket, "data/locked", minio.RemoveObjectOptions{VersionID: locked, GovernanceBypass: true}),
			"current": c.RemoveObject(ctx, bucket, "data/current", minio.RemoveObjectOptions{VersionID: current}),
			"shorten": c.PutObjectRetention(ctx, bucket, "data/locked", minio.PutObjectRetentionOptions{Mode: &compliance, RetainUntilDate: &soon, VersionID: locked, GovernanceBypass: true}),
			"weaken":  c.PutObjectRetention(ctx, bucket, "data/locked", minio.PutObjectRetentionOptions{Mode: &governance, RetainUntilDate: &soon, VersionID: locked, GovernanceBypass: true}),
			"suspend": c.SuspendVersioning(ctx, bucket),
			"bucket":  c.RemoveBucket(ctx, bucket),
		} {
			if err == nil {
				t.Errorf("the %s may %s", name, what)
			}
		}
	}
	for name, c := range map[string]*minio.Client{"host": host, "keeper": keeper} {
		days := uint(1)
		unit := minio.Days
		for what, err := range map[string]error{
			"lifecycle": c.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{{
				ID: "x", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
			}}}),
			"default": c.SetObjectLockConfig(ctx, bucket, &compliance, &days, &unit),
			"policy":  c.SetBucketPolicy(ctx, bucket, ""),
		} {
			if err == nil {
				t.Errorf("the %s may change the %s", name, what)
			}
		}
	}

	// The keeper sees all of it and renews, also what is no longer current; the host
	// may not.
	later := func() time.Time { return time.Now().Add(36 * time.Hour) } // more than G/2
	if _, err := s3state.New(host, s3state.WithClock(later)).Renew(ctx, bucket, s3state.RenewOptions{}); !errors.Is(err, s3state.ErrAccessDenied) {
		t.Errorf("the host renews: %v", err)
	}
	k := s3state.New(keeper, s3state.WithClock(later))
	r, err := k.Renew(ctx, bucket, s3state.RenewOptions{Freeze: "a trial"})
	if err != nil || !r.Kept() || r.Renewed < 2 || r.Failed > 0 {
		t.Errorf("renew: %+v %v", r, err)
	}
	until := func(key, version string) time.Time {
		t.Helper()
		_, at, err := keeper.GetObjectRetention(ctx, bucket, key, version)
		if err != nil || at == nil {
			t.Fatalf("retention of %s: %v", key, err)
		}
		return *at
	}
	for key, version := range map[string]string{"data/locked": locked, "data/current": current} {
		if at := until(key, version); at.Before(time.Now().Add(5 * 24 * time.Hour)) {
			t.Errorf("%s is locked until %s", key, at)
		}
	}
	if f, err := k.LockFloor(ctx, bucket, s3state.FloorOptions{}); err != nil || !f.Kept() || f.Needed != 1 {
		t.Errorf("floor: %+v %v", f, err)
	}

	// "short" was renewed by the freeze, too, unless its lock had ended before; a
	// further one shows what lifecycle takes.
	short.RetainUntilDate = time.Now().Add(2 * time.Second)
	put(admin, "data/gone", short)
	if err := host.RemoveObject(ctx, bucket, "data/gone", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); strings.Contains(versions(), "data/gone"); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("lifecycle has not removed it: %s", versions())
		}
	}
	if left := versions(); !strings.Contains(left, "data/locked(marker) data/locked") || !strings.Contains(left, "data/current") {
		t.Errorf("lifecycle has removed what is locked: %s", left)
	}
}
