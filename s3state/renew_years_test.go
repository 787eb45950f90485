package s3state

import (
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// A lock of ten years, with locks that end after 2038: each renewal keeps the promise,
// an attacker with the admin's keys cannot shorten it, and what a host deletes is there
// for ten years and gone by N+G+2 days, by lifecycle alone.
func TestLockOfTenYears(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			const n, g = 3650, 1216
			r := newRenewalOf(t, LockOptions{Days: n}, s3test.Dialect(dialect))
			if l, err := r.admin.Lock(r.ctx, r.bucket); err != nil || l.Days != n || l.RetainDays != n+g || len(l.Problems) > 0 {
				t.Fatalf("%+v %v", l, err)
			}
			r.backUp()
			r.backUp()
			var gone string // and when it was deleted
			var deleted time.Time
			r.work(func() {
				gone, r.packs = r.packs[0], r.packs[1:]
				r.del(gone)
				deleted = r.now
			})
			there := func(key string) bool {
				for id := range r.locks() {
					if strings.HasPrefix(id, key+"@") {
						return true
					}
				}
				return false
			}
			for i := range 12 { // 19 years
				res := r.mustRenew(RenewOptions{Suspicious: nothing})
				if !res.Kept() || res.Days != n || res.RetainDays != n+g || (i%2 == 0) != (res.Renewed > 0) {
					t.Fatalf("renewal %d: %+v", i, res)
				}
				again := r.mustRenew(RenewOptions{Suspicious: nothing})
				if again.Renewed > 0 || again.Known+again.Young != again.Needed || !again.Kept() {
					t.Errorf("renewal %d, again: %+v", i, again)
				}
				for id, until := range r.locks() {
					if strings.HasPrefix(id, "data/") && !strings.HasPrefix(id, gone) && until.Before(r.now.Add(n*Day)) {
						t.Errorf("renewal %d: %s is locked until %s only", i, id, until)
					}
				}
				if age := r.now.Sub(deleted); there(gone) != (age < n*Day) && (age < n*Day || age > (n+g+2)*Day) {
					t.Errorf("%d days after it was deleted, what was deleted is there: %v", age/Day, there(gone))
				}
				r.later(g / 2 * Day)
			}
			if there(gone) {
				t.Error("what was deleted is there after 19 years")
			}
			// The admin's keys are stolen.
			if err := r.admin.putDefaultRetention(r.ctx, r.bucket, Compliance, 1); err != nil {
				t.Fatal(err)
			}
			for id, until := range r.locks() {
				key, version, _ := strings.Cut(id, "@")
				if isState(&Version{Key: key}) && until.Before(r.now) {
					continue // only the newest is needed
				}
				if err := r.admin.removeBypassing(r.ctx, r.bucket, key, version); err == nil {
					t.Errorf("%s was removed", id)
				}
			}
			if res := r.mustRenew(RenewOptions{Suspicious: nothing}); res.Days != n || res.RetainDays != n+g || res.Frozen == "" || !res.Kept() {
				t.Errorf("after the attack: %+v", res)
			}
			if f, err := r.admin.LockFloor(r.ctx, r.bucket, FloorOptions{All: true}); err != nil || f.Unlocked > 0 || f.Floor.Before(r.now.Add((n-2)*Day)) {
				t.Errorf("%+v %v", f, err)
			}
		})
	}
}
