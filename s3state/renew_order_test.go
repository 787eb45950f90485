package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
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

// Objects whose locks cannot be renewed hold up no others, however many an attacker on
// the host makes, and come last in the next run.
func TestRefusedLocksHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	r := newRenewal(t)
	r.backUp()
	for i := range maxListed + 50 {
		r.put(fmt.Sprintf("data/00/%064d", i), "")
	}
	var order []bool // whether a refused one was asked for
	r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && req.URL.Query().Has("retention") {
			refused := strings.Contains(req.URL.Path, "/data/00/0")
			if order = append(order, refused); refused {
				answer := httptest.NewRecorder()
				answer.WriteHeader(http.StatusForbidden)
				return answer.Result(), nil
			}
		}
		return http.DefaultTransport.RoundTrip(req)
	}), WithClock(func() time.Time { return r.now }), WithParallel(1))
	for range 2 {
		r.later(6 * Day)
		order = nil
		res, err := r.renew(RenewOptions{Suspicious: func(context.Context) (string, error) { return "", nil }})
		var failed *BatchError
		if !errors.As(err, &failed) || failed.Total != maxListed+50 || res.Kept() {
			t.Fatalf("%+v, %v", res, err)
		}
		for version, until := range r.locks() {
			refused := strings.HasPrefix(version, "data/00/0")
			if renewed := !until.Before(whole(r.now).Add(40 * Day)); renewed == refused && !strings.HasPrefix(version, "rwm/") && !strings.HasPrefix(version, "locks/") {
				t.Errorf("%s is locked until %s, at %s", version, until, r.now)
			}
		}
	}
	if first := slices.Index(order, true); slices.Contains(order[first:], false) {
		t.Errorf("the %d. request is for what was refused before", first+1)
	}
}

// A gateway's clock is ten years ahead for a moment, and what is written then is dated
// so. Nobody could undo locks of everything that begin there. The clock of this machine
// may be years behind: then the server's dates count, as far as its answers have them.
func TestRenewsFromNoWrongClock(t *testing.T) {
	t.Parallel()
	for name, behind := range map[string]time.Duration{"right here": 0, "years behind here": 2000 * Day} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t)
			r.backUp()
			r.srv.FreezeClock(t, r.now.AddDate(10, 0, 0))
			odd := r.blob("data", r.body("pack"))
			r.later(30 * Day)
			r.backUp()
			r.keeper = r.storeVia(r.srv.Host2, roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err == nil { // as servers do whose clock is not moved by a test
					resp.Header.Set("Date", r.now.UTC().Format(http.TimeFormat))
				}
				return resp, err
			}), WithClock(func() time.Time { return r.now.Add(-behind) }))
			res, err := r.renew(RenewOptions{Suspicious: func(context.Context) (string, error) { return "", nil }})
			if err != nil || !res.Kept() || res.Renewed == 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			for version, until := range r.locks() {
				if !strings.HasPrefix(version, odd) && until.After(r.now.Add(41*Day)) {
					t.Errorf("%s is locked until %s, at %s", version, until, r.now)
				}
				gone := strings.HasPrefix(version, "locks/") || strings.HasPrefix(version, "rwm/")
				if until.Before(r.now.Add(30*Day)) && !gone {
					t.Errorf("%s is locked until %s only, at %s", version, until, r.now)
				}
			}
		})
	}
}
