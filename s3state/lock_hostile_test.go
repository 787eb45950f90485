package s3state

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// A bucket's name may have dots, which no host name of TLS would match, and look like a
// region's.
func TestLockedBucketWithDots(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, ctx: t.Context(), srv: s3test.Start(t, s3test.Dialect(dialect))}
			w.admin, w.host = w.store(w.srv.Admin), w.store(w.srv.Host)
			w.bucket = "s3.eu-west-1." + w.srv.Bucket(t)
			lock := &LockOptions{Days: 1}
			if _, err := w.admin.Create(w.ctx, w.bucket, w.srv.Host.Name, CreateOptions{Lock: lock, Keeper: w.srv.Host2.Name, Sealed: true}); err != nil {
				t.Fatal(err)
			}
			putPack(t, w, "data/00/one", grantOwner(w, dialect))
			for role, s := range map[Role]*Store{RoleAdmin: w.admin, RoleKeeper: w.store(w.srv.Host2), RoleHost: w.host} {
				if rep, err := s.Access(w.ctx, w.bucket, AccessOptions{}); err != nil || rep.Role != role || !rep.OK {
					t.Errorf("%s: %v %+v", role, err, rep)
				}
			}
			if r, err := w.store(w.srv.Host2).Renew(w.ctx, w.bucket, RenewOptions{Suspicious: nothing}); err != nil || !r.Kept() {
				t.Errorf("%v %+v", err, r)
			}
			target := w.bucket + ".back"
			if _, err := w.admin.Restore(w.ctx, RestoreOptions{Source: w.bucket, Target: target, Moment: Moment{At: w.admin.now()}}); err != nil {
				t.Fatal(err)
			}
			if check, err := w.admin.CheckPolicy(w.ctx, target); err != nil || !check.OK || !check.Sealed {
				t.Errorf("%v %+v", err, check)
			}
		})
	}
}

// A server that asks to slow down, for each version once or for some for good, costs a
// renewal nothing but those, and the next one does them.
func TestRenewAtAServerThatIsBusy(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.later(9 * Day)
	r.srv.Inject(t, s3test.Fault{Method: http.MethodPut, Path: "/", Kind: s3test.Status, Status: 503, Code: "SlowDown", Times: 5})
	if res := r.mustRenew(RenewOptions{Suspicious: nothing}); !res.Kept() || res.Renewed != res.Needed {
		t.Errorf("%+v", res)
	}
}

// What the host or an admin holds by a legal hold is renewed like all else, and neither
// counts as a lock nor hides that one is missing.
func TestLegalHoldIsNoLock(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	client := r.srv.Client(t, r.srv.Admin)
	on := minio.LegalHoldEnabled
	for id := range r.locks() {
		at := strings.LastIndexByte(id, '@')
		key, version := id[:at], id[at+1:]
		if err := client.PutObjectLegalHold(r.ctx, r.bucket, key, minio.PutObjectLegalHoldOptions{Status: &on, VersionID: version}); err != nil {
			t.Fatal(err)
		}
	}
	r.later(60 * Day) // all locks have ended, the holds have not
	f, err := r.admin.LockFloor(r.ctx, r.bucket, FloorOptions{})
	if err != nil || f.Kept() || f.Unlocked != f.Proved || f.Proved == 0 {
		t.Errorf("%v %+v", err, f)
	}
	if res := r.mustRenew(RenewOptions{Suspicious: nothing}); !res.Kept() || res.Renewed != res.Needed {
		t.Errorf("%+v", res)
	}
	if f, err = r.admin.LockFloor(r.ctx, r.bucket, FloorOptions{}); err != nil || !f.Kept() {
		t.Errorf("%v %+v", err, f)
	}
}

// Trying out what the three can do leaves objects that their writers locked for seconds
// in GOVERNANCE. A renewal of everything leaves them to lifecycle: on Ceph 16 the
// keeper cannot lock them in COMPLIANCE, and would fail each day.
func TestFreezeLeavesCanariesAlone(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, s3test.Dialect("rgw"))
	r.backUp()
	for _, s := range []*Store{r.host, r.keeper} {
		if rep, err := s.Access(r.ctx, r.bucket, AccessOptions{}); err != nil || !rep.OK {
			t.Fatalf("%v %+v", err, rep)
		}
	}
	r.later(9 * Day)
	before := r.locks()
	if res := r.mustRenew(RenewOptions{Freeze: "a trial"}); !res.Kept() || res.Failed > 0 || res.Renewed == 0 {
		t.Errorf("%+v", res)
	}
	n := 0
	for id, until := range r.locks() {
		if canary := strings.HasPrefix(id, canaryPrefix); canary != until.Equal(before[id]) {
			t.Errorf("%s: locked until %s, was %s", id, until, before[id])
		} else if canary {
			n++
		}
	}
	if n < 2 {
		t.Errorf("%d canaries", n)
	}
}

// An attacker with the admin's keys turns no lock that nobody can undo into one that
// can be bypassed: what the renewal locks stays in COMPLIANCE.
func TestRenewKeepsTheMode(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.mustRenew(RenewOptions{})
	if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Governance, 40); err != nil {
		t.Fatal(err)
	}
	r.later(9 * Day)
	for range 2 { // the record has not taken over the weaker mode
		res := r.mustRenew(RenewOptions{Suspicious: nothing})
		if res.Mode != Compliance || !strings.Contains(res.Frozen, "GOVERNANCE") || !res.Kept() {
			t.Errorf("%+v", res)
		}
	}
	if res := r.mustRenew(RenewOptions{Lock: &LockOptions{Days: 30, Mode: Governance}, Suspicious: nothing}); res.Mode != Governance {
		t.Errorf("the admin's own decision: %+v", res)
	}
}

// With the admin's keys the default retention can be taken away: what is written then
// is not locked, which shows, until the next renewal. That locks it, and freezes.
func TestRenewWithoutADefault(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			r := newRenewal(t, s3test.Dialect(dialect))
			r.backUp()
			r.mustRenew(RenewOptions{Suspicious: nothing})
			before := r.locks()
			if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Compliance, 0); err != nil {
				t.Fatal(err)
			}
			r.backUp()
			if f, err := r.keeper.LockFloor(r.ctx, r.bucket, FloorOptions{}); err != nil || f.Unlocked == 0 || f.Kept() || len(f.Lock.Problems) == 0 {
				t.Errorf("%+v %v", f, err)
			}
			res := r.mustRenew(RenewOptions{Suspicious: nothing})
			if res.Frozen == "" || res.Days != 30 || !res.Kept() {
				t.Errorf("%+v", res)
			}
			after := r.locks()
			if len(after) <= len(before) {
				t.Fatalf("%d versions, %d before", len(after), len(before))
			}
			for id, until := range after {
				if until.Before(r.now.Add(30 * Day)) {
					t.Errorf("%s is locked until %s", id, until)
				}
				key, version, _ := strings.Cut(id, "@")
				if err := r.admin.removeBypassing(r.ctx, r.bucket, key, version); err == nil {
					t.Errorf("%s was removed", id)
				}
			}
			// Without the record of renewals, it does not pass for locked.
			r.ledger += "2"
			if _, err := r.renew(RenewOptions{Suspicious: nothing}); !errors.Is(err, ErrNotLocked) {
				t.Errorf("without a record: %v", err)
			}
		})
	}
}
