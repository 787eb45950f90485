package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// LockProof describes the test of a lock.
type LockProof struct {
	// Refused lists what the server refused to do to a locked version.
	Refused []string
	// Left is the key of the object it was tried on, if its lock of some seconds had
	// not ended in time to remove it: it is hidden by a delete marker, and lifecycle
	// removes it.
	Left string
	// Gap says how the admin's keys can nevertheless end a lock on this server; "" if
	// no way was found.
	Gap string
}

// lockCanary is an object with a lock of a few seconds.
type lockCanary struct {
	s       *Store
	bucket  string
	key     string
	version string   // the one that is locked
	all     []string // its versions
	until   time.Time
	began   time.Time // when the lock was set, by this machine
	lasts   time.Duration
}

// canaryLocks are how long the canary is locked: first for as short as servers take it,
// then, should the attempts have taken longer, for long enough on a slow one.
var canaryLocks = []time.Duration{4 * time.Second, time.Minute}

// proveLock tries, with the caller's credentials, to remove a version that is locked
// and to shorten its lock. The bucket must have no default retention yet, so that
// nothing is locked for longer than the canary is. The server's own times show that
// the lock was in force all the while.
func (s *Store) proveLock(ctx context.Context, bucket string, mode LockMode) (*lockCanary, *LockProof, error) {
	for i, lasts := range canaryLocks {
		c := &lockCanary{s: s, bucket: bucket, key: canaryKey(""), lasts: lasts}
		proof, inTime, err := c.try(ctx, mode)
		if err != nil || inTime {
			return c, proof, err
		}
		if i == len(canaryLocks)-1 {
			return c, nil, fmt.Errorf("trying out the lock took longer than %s; try again when the server is less busy", lasts)
		}
		c.remove(ctx)
	}
	panic("not reached")
}

func (c *lockCanary) put(ctx context.Context) (version string, at time.Time, err error) {
	if version, err = c.s.putSmall(ctx, c.bucket, c.key, []byte("canary of rwm's object lock\n")); err != nil {
		return "", at, err
	}
	c.all = append(c.all, version)
	r, err := getRetention(ctx, c.s.s3, c.bucket, c.key, version)
	if err == nil && r.modified.IsZero() {
		err = fmt.Errorf("%w: no time of modification", s3versions.ErrTruncated)
	}
	return version, r.modified, err
}

func (c *lockCanary) try(ctx context.Context, mode LockMode) (proof *LockProof, inTime bool, err error) {
	var at time.Time
	if c.version, at, err = c.put(ctx); err != nil {
		return nil, false, err
	}
	c.until, c.began = whole(at).Add(c.lasts), time.Now()
	if err := putRetention(ctx, c.s.s3, c.bucket, c.key, c.version, retention{mode: mode, until: c.until}, false); err != nil {
		return nil, false, fmt.Errorf("%w: it does not lock a version: %w", ErrNoLock, s3err.Describe(err))
	}
	remove := func(bypass bool) error {
		r := s3versions.Request{Method: http.MethodDelete, Bucket: c.bucket, Key: c.key, Query: url.Values{"versionId": {c.version}}}
		if bypass {
			r.Header = http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}}
		}
		_, err := c.s.s3.Call(ctx, r)
		return err
	}
	change := func(mode LockMode, until time.Time) error {
		return putRetention(ctx, c.s.s3, c.bucket, c.key, c.version, retention{mode: mode, until: until}, true)
	}
	attempts := []struct {
		what string
		do   func() error
	}{
		{"remove a locked version", func() error { return remove(false) }},
		{"remove it by a bypass", func() error { return remove(true) }},
		{"shorten its lock", func() error { return change(mode, c.until.Add(-time.Second)) }},
		{"weaken its lock to " + string(Governance), func() error { return change(Governance, c.until) }},
	}
	if mode == Governance {
		attempts = attempts[:3]
	}
	proof = &LockProof{}
	for _, attempt := range attempts {
		err := attempt.do()
		switch {
		case err == nil:
			// What was possible after the lock's end proves nothing.
			if _, late, err := c.put(ctx); err == nil && !late.Before(c.until) {
				return nil, false, nil
			}
			return nil, true, fmt.Errorf("%w: these credentials can %s, in mode %s", ErrLockFails, attempt.what, mode)
		case refuses(err) && s3err.Status(err) != http.StatusNotFound:
			proof.Refused = append(proof.Refused, attempt.what)
		default:
			return nil, true, s3err.Wrap(err, "try to %s", attempt.what)
		}
	}
	r, err := getRetention(ctx, c.s.s3, c.bucket, c.key, c.version)
	if err != nil {
		return nil, true, fmt.Errorf("%w: the locked version is gone: %w", ErrLockFails, s3err.Describe(err))
	}
	if r.mode != mode || r.until.Before(c.until) {
		return nil, true, fmt.Errorf("%w: the version was locked until %s (%s), now until %s (%s)", ErrLockFails,
			c.until.Format(time.RFC3339), mode, r.until.Format(time.RFC3339), r.mode)
	}
	_, at, err = c.put(ctx)
	return proof, at.Before(c.until), err
}

// remove waits for the end of the lock and removes the canary. It reports false if that
// cannot be done; then a delete marker hides it.
func (c *lockCanary) remove(ctx context.Context) bool {
	wait := time.NewTimer(time.Until(c.began.Add(c.lasts + time.Second)))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		// Its lock has not ended; a marker hides it.
		late, cancel := afterwards(ctx)
		defer cancel()
		_ = c.s.hide(late, c.bucket, c.key)
		return false
	}
	var errs []error
	for _, version := range c.all {
		errs = append(errs, c.s.removeVersion(ctx, c.bucket, c.key, version))
	}
	if errors.Join(errs...) == nil {
		return true
	}
	_ = c.s.hide(ctx, c.bucket, c.key)
	return false
}
