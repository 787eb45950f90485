package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/s3test"
)

// Locking a bucket keeps a Deny that takes nothing from the roles: of requests without
// TLS, and of more to the host than RWM denies on this server. A new keeper is let
// through by the one for strangers.
func TestLockBucketKeepsDenials(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"aws", "rgw20"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s3test.Dialect(dialect))
			check, err := w.admin.CheckPolicy(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			former, err := w.admin.getPolicy(w.ctx, w.bucket)
			if err != nil {
				t.Fatal(err)
			}
			// Of an action that these tests, which have no TLS, do not need.
			tls := strings.NewReplacer("BUCKET", w.bucket, "s3:*", "s3:PutBucketTagging").Replace(tlsOnly)
			host := `{"Effect":"Deny","Principal":{"AWS":["` + check.Target + `"]},"Action":["s3:DeleteObjectVersion","s3:PutObjectAcl"],"Resource":["arn:aws:s3:::` + w.bucket + `","arn:aws:s3:::` + w.bucket + `/*"]}`
			with := strings.TrimSuffix(strings.TrimSpace(string(former)), "]}") + "," + tls + "," + host + "]}"
			if err := w.admin.putSetting(w.ctx, w.bucket, "policy", []byte(with)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				res, err := w.admin.LockBucket(w.ctx, w.bucket, LockBucketOptions{Lock: LockOptions{Days: 5}, Keeper: w.srv.Host2.Name})
				if err != nil || !res.Check.OK || res.Check.KeeperUser() != w.srv.Host2.Name {
					t.Fatalf("%+v %v", res, err)
				}
				text, err := w.admin.getPolicy(w.ctx, w.bucket)
				if err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(string(text), "aws:SecureTransport"); n != 1 {
					t.Errorf("%d statements about TLS: %s", n, text)
				}
				if c := checkPolicy(w.bucket, &bucketConfig{policy: text}); !strings.Contains(string(text), `"Deny"`) || c.Target != check.Target {
					t.Errorf("%s", text)
				}
				if _, grants, err := splitPolicy(text); err != nil || !deniesTo(grants, check.Target, "s3:DeleteObjectVersion") {
					t.Errorf("%v %s", err, text)
				}
			}
		})
	}
}

func deniesTo(grants []grant, principal, action string) bool {
	for _, g := range grants {
		if g.effect == "Deny" && sameSet(g.principals, []string{principal}) && subset([]string{action}, g.actions) {
			return true
		}
	}
	return false
}

// The rule that removes old versions is set last. If locking what is there fails, it
// removes nothing that a renewal would have kept, and the next run does the rest.
func TestLockBucketThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if !w.srv.Controlled() {
		t.Skip("needs a movable clock")
	}
	now := time.Now().Truncate(time.Second)
	clock := WithClock(func() time.Time { return now })
	later := func(d time.Duration) {
		now = now.Add(d)
		w.srv.FreezeClock(t, now)
	}
	w.admin = w.store(w.srv.Admin, clock)
	later(0)
	old := w.put("data/x", "x")
	later(time.Hour)
	w.del("data/x")
	later(90 * Day)
	broken := errors.New("the network failed")
	opts := LockBucketOptions{Lock: LockOptions{Days: 30}, Renew: func(context.Context) error { return broken }}
	_, err := w.admin.LockBucket(w.ctx, w.bucket, opts)
	var step *StepError
	if !errors.Is(err, broken) || !errors.As(err, &step) || step.Next == "" {
		t.Fatalf("%v", err)
	}
	if l, err := w.admin.Lock(w.ctx, w.bucket); err != nil || l.RetainDays != 40 || len(l.Lifecycle) > 0 {
		t.Errorf("%+v %v", l, err)
	}
	later(3 * Day)
	opts.Renew = func(ctx context.Context) error {
		r, err := w.admin.Renew(ctx, w.bucket, RenewOptions{Lock: &opts.Lock, Freeze: "a trial"})
		if r.Frozen == "" || !r.Kept() || len(r.Problems) > 0 {
			t.Errorf("%+v", r)
		}
		return err
	}
	res, err := w.admin.LockBucket(w.ctx, w.bucket, opts)
	if err != nil || res.Lock.Days != 30 || len(res.Lock.Problems) > 0 || !res.Lapses {
		t.Errorf("%+v %v", res, err)
	}
	later(30 * Day)
	if has, err := getRetention(w.ctx, w.admin.s3, w.bucket, "data/x", old); err != nil || has.until.Before(now.Add(9*Day)) {
		t.Errorf("what was deleted before: %+v %v", has, err)
	}
	if res, err = w.admin.LockBucket(w.ctx, w.bucket, opts); err != nil || res.Lapses {
		t.Errorf("%+v %v", res, err)
	}
}

// With a grace of two days a keeper that runs daily, and an hour late now and then,
// keeps the promise, and renews no version more than once a day.
func TestRenewDailyWithASmallGrace(t *testing.T) {
	t.Parallel()
	r := newRenewalOf(t, LockOptions{Days: 3})
	r.backUp()
	r.mustRenew(RenewOptions{Suspicious: nothing})
	for i := range 8 {
		r.later(Day + time.Duration(i%2)*time.Hour)
		for id, until := range r.locks() {
			if TypeOf(id[:strings.LastIndexByte(id, '@')]) == TypePack && until.Before(r.now.Add(3*Day)) {
				t.Errorf("run %d: %s is locked until %s, it is %s", i, id, until, r.now)
			}
		}
		if res := r.mustRenew(RenewOptions{Suspicious: nothing}); !res.Kept() {
			t.Errorf("run %d: %+v", i, res)
		}
		if res := r.mustRenew(RenewOptions{Suspicious: nothing}); res.Renewed > 0 {
			t.Errorf("run %d, again: %+v", i, res)
		}
	}
}

// While everything is renewed, lifecycle removes what was pruned so long ago that it
// may. That is no failure; it does not end the renewal of the rest.
func TestFreezeWhileLifecycleRemoves(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.later(r.now.Truncate(Day).Add(25 * time.Hour).Sub(r.now)) // all on one day
	r.backUp()
	r.backUp()
	gone := map[string]bool{}
	r.work(func() {
		for _, key := range append(r.packs[:2:2], r.indexes[0], r.snapshots[0]) {
			gone[key] = true
			r.del(key)
		}
	})
	// Just before the midnight after the locks of these have ended.
	r.later(r.now.Truncate(Day).Add(41*Day - 10*time.Second).Sub(r.now))
	there := func() (n int) {
		for id := range r.locks() {
			if gone[id[:strings.LastIndexByte(id, '@')]] {
				n++
			}
		}
		return n
	}
	if n := there(); n != len(gone) {
		t.Fatalf("%d of %d are there", n, len(gone))
	}
	var once sync.Once
	r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.RawQuery, "retention") {
			once.Do(func() { r.later(20 * time.Second) })
		}
		return http.DefaultTransport.RoundTrip(req)
	}), WithClock(func() time.Time { return r.now }))
	res, err := r.renew(RenewOptions{Freeze: "a trial"})
	if err != nil || res.Failed > 0 || !res.Kept() || res.Renewed+res.Longer != res.Needed {
		t.Errorf("%+v %v", res, err)
	}
	if n := there(); n > 0 {
		t.Errorf("%s", fmt.Sprint(n, " of those that lifecycle was to remove are there"))
	}
}

// The record of renewals of one bucket is not taken for another: it would be locked for
// as long as the first, for good.
func TestRenewRefusesAnotherBucketsLedger(t *testing.T) {
	t.Parallel()
	r := newRenewalOf(t, LockOptions{Days: 300})
	r.backUp()
	r.mustRenew(RenewOptions{Suspicious: nothing})
	first := r.bucket
	r.bucket = r.srv.Bucket(t)
	if _, err := r.admin.Create(r.ctx, r.bucket, r.srv.Host.Name, CreateOptions{Lock: &LockOptions{Days: 5}, Keeper: r.srv.Host2.Name}); err != nil {
		t.Fatal(err)
	}
	r.put("config", "c")
	r.later(time.Hour)
	before := fmt.Sprint(r.locks())
	if _, err := r.renew(RenewOptions{Suspicious: nothing}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), "nothing was renewed") {
		t.Errorf("%v", err)
	}
	if after := fmt.Sprint(r.locks()); after != before {
		t.Errorf("%s\nbefore %s", after, before)
	}
	r.bucket = first
	r.later(60 * Day)
	if res := r.mustRenew(RenewOptions{Suspicious: nothing}); !res.Kept() || res.Days != 300 {
		t.Errorf("%+v", res)
	}
}
