package s3state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// On Ceph 16 the admin can end a lock by extending it to a date that the server cannot
// store. Making a bucket says so, the admin's storage-access calls it harm, and nothing
// stays locked by finding out.
func TestLateLocks(t *testing.T) {
	t.Parallel()
	for dialect, lost := range map[string]bool{"aws": false, "rgw": true, "rgw18": false, "rgw20": false, "seaweedfs": false} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, keeper, res := newLocked(t, LockOptions{Days: 30}, s3test.Dialect(dialect))
			if (res.LockProof.Gap != "") != lost {
				t.Errorf("proof: %+v", res.LockProof)
			}
			if left := dump(t, w.admin, w.bucket); len(left) > 0 {
				t.Errorf("trying out the lock left %v", left)
			}
			for role, s := range map[Role]*Store{RoleAdmin: w.admin, RoleKeeper: keeper, RoleHost: w.host} {
				rep, err := s.Access(w.ctx, w.bucket, AccessOptions{As: ""})
				if err != nil || rep.Role != role {
					t.Fatalf("%s: %v %+v", role, err, rep)
				}
				want := map[bool]Outcome{true: Allowed, false: Refused}[lost]
				if role != RoleAdmin {
					want = ""
				}
				gap := slices.ContainsFunc(rep.Results, func(r AccessResult) bool { return r.Gap && r.Detail == lateGap })
				if got := outcomes(rep)["end a lock by a date after 2106"]; got != want || !rep.OK || gap != (want == Allowed) {
					t.Errorf("%s: %q, OK %v, gap %v", role, got, rep.OK, gap)
				}
			}
			for id, until := range (&renewal{fakeRestic: &fakeRestic{world: w}}).locks() {
				if until.After(time.Now().Add(41 * Day)) {
					t.Errorf("%s stays locked until %s", id, until)
				}
			}
		})
	}
}

// Locks that end after 2106 are made only where the server has shown that it stores
// such dates.
func TestLocksThatEndTooLate(t *testing.T) {
	t.Parallel()
	long := LockOptions{Days: 30000, GraceDays: 6000}
	for dialect, lost := range map[string]bool{"rgw": true, "rgw20": false} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w, _, _ := newLocked(t, LockOptions{Days: 1}, s3test.Dialect(dialect))
			other := w.srv.Bucket(t)
			_, err := w.admin.Create(w.ctx, other, w.srv.Host.Name, CreateOptions{Lock: &long})
			_, raised := w.admin.LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: long})
			for what, err := range map[string]error{"a new bucket": err, "a longer lock": raised} {
				if !lost && err != nil || lost && (!errors.Is(err, ErrLockFails) || !strings.Contains(err.Error(), "2106")) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if l, err := w.admin.Lock(w.ctx, w.bucket); err != nil || (l.Days == 1) != lost {
				t.Errorf("%+v %v", l, err)
			}
			governance := LockOptions{Days: 30000, GraceDays: 6000, Mode: Governance}
			if _, err := w.admin.Create(w.ctx, w.srv.Bucket(t), w.srv.Host.Name, CreateOptions{Lock: &governance}); !errors.Is(err, ErrLockFails) {
				t.Errorf("in GOVERNANCE: %v", err)
			}
		})
	}
}

// A default retention of a hundred years, which the renewal follows, must not make it
// end the locks on a server that cannot store such dates.
func TestRenewBeyond2106(t *testing.T) {
	t.Parallel()
	for dialect, lost := range map[string]bool{"rgw": true, "rgw20": false} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			r := newRenewal(t, s3test.Dialect(dialect))
			r.backUp()
			r.mustRenew(RenewOptions{Suspicious: nothing})
			if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Compliance, maxLockDays); err != nil {
				t.Fatal(err)
			}
			before := r.locks()
			r.later(time.Hour)
			res, err := r.renew(RenewOptions{Suspicious: nothing})
			if err != nil || res.Failed > 0 || (len(res.Problems) > 0) != lost {
				t.Errorf("%+v %v", res, err)
			}
			after := r.locks()
			for id := range before {
				if strings.HasPrefix(id, "locks/") {
					continue // needed no more
				}
				if until := after[id]; lost && !until.Equal(lateDate) || !lost && until.Before(r.now.Add((maxLockDays-1)*Day)) {
					t.Errorf("%s is locked until %s", id, until)
				}
			}
		})
	}
}

// A default retention that no S3 takes, such as an attacker with the admin's keys may
// set on Ceph, neither stops the renewal nor is followed by it.
func TestRenewBeyondS3(t *testing.T) {
	t.Parallel()
	r := newRenewal(t, s3test.Dialect("rgw20"))
	r.backUp()
	r.mustRenew(RenewOptions{Suspicious: nothing})
	known := r.ledger
	for _, days := range []int{36_501, 106_752, 3_650_000, 2_000_000_000} {
		// It is set, and reads back as the most there is, which is another.
		if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Compliance, days); !errors.Is(err, ErrLockFails) {
			t.Fatal(err)
		}
		before := r.locks()
		r.later(10 * Day)
		for what, ledger := range map[string]string{"with a ledger": known, "without": fmt.Sprint(known, days)} {
			r.ledger = ledger
			res, err := r.renew(RenewOptions{Suspicious: nothing})
			if err != nil || res.Days != 30 || res.RetainDays != 40 || res.Frozen == "" || !res.Kept() {
				t.Errorf("%d days, %s: %+v %v", days, what, res, err)
			}
		}
		after := r.locks()
		for id := range before {
			if until := after[id]; !until.Equal(r.now.Add(40 * Day)) {
				t.Errorf("%d days: %s is locked until %s", days, id, until)
			}
		}
		if f, err := r.admin.LockFloor(r.ctx, r.bucket, FloorOptions{}); err != nil || len(f.Lock.Problems) == 0 {
			t.Errorf("%d days: %+v %v", days, f, err)
		}
	}
}
