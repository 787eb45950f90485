package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A run that ends early has renewed what was there before, and not what a host has just
// written in its place: an attacker on it could make any number of objects whose keys
// come first.
func TestRenewsWhatIsOldFirst(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	r.backUp()
	old := r.mustRenew(RenewOptions{}).Renewed
	r.later(6 * Day) // G/2 is over
	for i := range 30 {
		r.put(fmt.Sprintf("data/00/%064d", i), "first in the order of keys")
	}
	r.later(time.Hour)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var puts atomic.Int64
	r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && req.URL.Query().Has("retention") {
			if puts.Add(1) > old {
				cancel()
			}
		}
		return http.DefaultTransport.RoundTrip(req)
	}), WithClock(func() time.Time { return r.now }), WithParallel(1))
	before := r.ctx
	r.ctx = ctx
	res, err := r.renew(RenewOptions{Suspicious: func(context.Context) (string, error) { return "", nil }})
	r.ctx = before
	if !errors.Is(err, context.Canceled) || res.Renewed < old || res.Renewed > old+1 {
		t.Fatalf("%+v, %v", res, err)
	}
	for version, until := range r.locks() {
		written := strings.HasPrefix(version, "data/00/")
		if renewed := !until.Before(whole(r.now).Add(40 * Day)); renewed == written && !strings.HasPrefix(version, "rwm/") && !strings.HasPrefix(version, "locks/") {
			t.Errorf("%s is locked until %s, at %s", version, until, r.now)
		}
	}
}
