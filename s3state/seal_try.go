package s3state

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// trial is in the names of a trial's objects.
const trial = "seal_"

// A server that applies new policies late gets some time (Store.trialWait).
const (
	trialWait  = 10 * time.Second
	trialPause = 200 * time.Millisecond
)

// tryTimes proves that the server applies a statement from a given time on, and not
// before. It denies the admin one object from a past time on, and another from a future
// time on. The host stays sealed throughout. now is the server's time.
func (s *Store) tryTimes(ctx context.Context, m *maker, p *sealable) (now time.Time, err error) {
	name := canaryKey(trial)
	past, future := name+"_past", name+"_future"
	defer func() {
		// What remains is two hidden objects of a few bytes, and statements that the
		// next Seal or Unseal removes.
		ctx, cancel := afterwards(ctx)
		defer cancel()
		for _, key := range []string{past, future} {
			_ = s.hide(ctx, p.bucket, key)
		}
	}()
	for _, key := range []string{past, future} {
		if _, err := s.putSmall(ctx, p.bucket, key, []byte("canary of rwm storage-unseal\n")); err != nil {
			return now, s3err.Wrap(err, "write %s", key)
		}
	}
	head, err := s.head(ctx, p.bucket, future)
	if err != nil {
		return now, s3err.Wrap(err, "read %s", future)
	}
	now = head
	denial := func(key string, from time.Time) policyStatement {
		return policyStatement{
			Effect: "Deny", Principal: map[string][]string{"AWS": {p.check.Admin}}, Action: []string{"s3:GetObject"},
			Resource: []string{"arn:aws:s3:::" + p.bucket + "/" + key}, Condition: after(from),
		}
	}
	set := func() error {
		return m.setSealed(ctx, func(seal seal) (string, error) {
			return p.with(seal, denial(past, now.Add(-time.Hour)), denial(future, now.Add(time.Hour)))
		})
	}
	if err := set(); err != nil {
		if s3err.Status(err) == http.StatusBadRequest || s3err.Status(err) == http.StatusNotImplemented {
			return now, fmt.Errorf("%w; the host stays sealed: %w", ErrNoTimeCondition, err)
		}
		return now, err
	}
	err = s.judgeTimes(ctx, p.bucket, past, future)
	// The trial ends here, whether it succeeded or not.
	late, cancel := afterwards(ctx)
	defer cancel()
	if undo := m.setSealed(late, p.policy); err == nil {
		err = undo
	}
	return now, err
}

// judgeTimes waits until one object is refused and the other is not.
func (s *Store) judgeTimes(ctx context.Context, bucket, past, future string) error {
	deadline := time.Now().Add(s.trialWait)
	for {
		inPast, err := refusal(s.get(ctx, bucket, past))
		if err != nil {
			return err
		}
		inFuture, err := refusal(s.get(ctx, bucket, future))
		switch {
		case err != nil:
			return err
		case inPast && !inFuture:
			return nil
		case time.Now().After(deadline) && inFuture:
			return fmt.Errorf("%w: it applies a statement before its time; the host stays sealed", ErrNoTimeCondition)
		case time.Now().After(deadline):
			return fmt.Errorf("%w: it does not apply a statement whose time has come, so the host could read for ever; the host stays sealed", ErrNoTimeCondition)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trialPause):
		}
	}
}

func (s *Store) get(ctx context.Context, bucket, key string) error {
	_, err := s.s3.Call(ctx, s3versions.Request{Method: http.MethodGet, Bucket: bucket, Key: key})
	return err
}

// head returns the time of an object's last change.
func (s *Store) head(ctx context.Context, bucket, key string) (at time.Time, err error) {
	err = s.s3.Retry(ctx, bucket, "read "+key, 0, func(ctx context.Context) error {
		resp, err := s.s3.Send(ctx, s3versions.Request{Method: http.MethodHead, Bucket: bucket, Key: key})
		if err != nil {
			return err
		}
		resp.Body.Close()
		at, err = http.ParseTime(resp.Header.Get("Last-Modified"))
		return err
	})
	return at, err
}
