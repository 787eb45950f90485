package s3state

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// lateDate is the last end of a lock that every server can store. Ceph 16 keeps the
// seconds since 1970 in 32 bits, so that what ends later has ended long ago. It judges
// the date that is asked for, but stores the other one: that is a way to end a lock,
// also in COMPLIANCE, for all who may extend locks.
var lateDate = time.Unix(1<<32-1, 0).UTC()

// tooLate are dates that a server may fail to store: beyond 31 bits, and beyond 32.
var tooLate = []time.Time{time.Date(2039, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2107, 1, 1, 0, 0, 0, 0, time.UTC)}

// lateLocks is how a server treats locks that end late.
type lateLocks int

const (
	lateUnknown lateLocks = iota // it could not be tried
	lateKept                     // it stores such an end, or refuses it
	lateLost                     // it stores an end in the past
)

// tryLate finds out, with the admin's credentials, how the server treats a lock that is
// extended to a late date. Nothing of it stays locked: it is tried in GOVERNANCE, and
// only after a lock of seconds could be bypassed. now is the server's time.
func (s *Store) tryLate(ctx context.Context, bucket string, now time.Time) (lateLocks, error) {
	key := canaryKey("")
	short := whole(now).Add(lockFor)
	version, err := s.putGovernance(ctx, bucket, key, short)
	if err != nil {
		return lateUnknown, refusedOr(err)
	}
	if err := s.removeBypassing(ctx, bucket, key, version); err != nil {
		_ = s.hide(ctx, bucket, key) // lifecycle removes it
		return lateUnknown, refusedOr(err)
	}
	if version, err = s.putGovernance(ctx, bucket, key, short); err != nil {
		return lateUnknown, refusedOr(err)
	}
	defer func() {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		if s.removeBypassing(ctx, bucket, key, version) != nil {
			_ = s.hide(ctx, bucket, key)
		}
	}()
	for _, until := range tooLate {
		err := putRetention(ctx, s.s3, bucket, key, version, retention{mode: Governance, until: until}, false)
		if err != nil {
			if err = refusedOr(err); err != nil {
				return lateUnknown, err
			}
			return lateKept, nil
		}
		has, err := getRetention(ctx, s.s3, bucket, key, version)
		if err != nil {
			return lateUnknown, s3err.Describe(err)
		}
		if has.until.Before(short) {
			return lateLost, nil
		}
	}
	return lateKept, nil
}

// refusedOr drops errors by which a server refuses an attempt.
func refusedOr(err error) error {
	if s3err.Status(err)/100 == 4 || s3err.Status(err) == http.StatusNotImplemented {
		return nil
	}
	return s3err.Describe(err)
}

// putGovernance writes a version that is locked in GOVERNANCE, whatever the default
// retention.
func (s *Store) putGovernance(ctx context.Context, bucket, key string, until time.Time) (version string, err error) {
	err = s.s3.Retry(ctx, bucket, "put "+key, 0, func(ctx context.Context) error {
		resp, err := s.s3.Send(ctx, s3versions.Request{
			Method: http.MethodPut, Bucket: bucket, Key: key, Body: []byte("canary of rwm's object lock\n"),
			Header: http.Header{
				"X-Amz-Object-Lock-Mode":              {string(Governance)},
				"X-Amz-Object-Lock-Retain-Until-Date": {until.UTC().Format(time.RFC3339)},
			},
		})
		if err != nil {
			return err
		}
		version = resp.Header.Get("X-Amz-Version-Id")
		return resp.Body.Close()
	})
	return version, err
}

func (s *Store) removeBypassing(ctx context.Context, bucket, key, version string) error {
	_, err := s.s3.Call(ctx, s3versions.Request{
		Method: http.MethodDelete, Bucket: bucket, Key: key, Query: url.Values{"versionId": {version}},
		Header: http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}},
	})
	return err
}

// lateGap is what a server's answer means for the promise.
const lateGap = "this server stores a lock until a date after 7 February 2106 as one that has ended: the admin's keys can end every lock by that and remove what it protects. " +
	"Keep these keys offline, and move to a server that stores such dates (of Ceph, 18 and 20 do)"

// proveLate notes a server's gap, and refuses locks that would end too late for it. In
// GOVERNANCE, which the admin can bypass anyway, it is not tried, so no lock is taken
// on trust that ends so late.
func (m *maker) proveLate(ctx context.Context, now time.Time) error {
	found := lateUnknown
	if m.lock.Mode == Compliance {
		var err error
		if found, err = m.s.tryLate(ctx, m.bucket, now); err != nil {
			return fmt.Errorf("try out a lock until %s: %w", tooLate[len(tooLate)-1].Format(time.DateOnly), err)
		}
	}
	if found == lateLost && m.proof != nil {
		m.proof.Gap = lateGap
	}
	if end := now.Add(time.Duration(m.lock.retainDays()) * Day); found != lateKept && end.After(lateDate) {
		return fmt.Errorf("%w: a lock of %s ends after 7 February 2106, and this server has not shown that it stores such a date; give fewer days",
			ErrLockFails, plural.Of(m.lock.retainDays(), "day"))
	}
	return nil
}
