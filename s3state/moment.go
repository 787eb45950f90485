package s3state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Moment says as of when a bucket is looked at: a saved state, or a time of
// the server's clock. Exactly one of StateKey and At is set.
type Moment struct {
	StateKey     string
	StateVersion string // empty for the key's current version
	At           time.Time
}

func (m Moment) check() error {
	switch {
	case m.StateKey == "" && m.At.IsZero():
		return fmt.Errorf("%w: no state key and no time given", ErrInvalid)
	case m.StateKey != "" && !m.At.IsZero():
		return fmt.Errorf("%w: a state and a time given; choose one", ErrInvalid)
	}
	return nil
}

// planOf gives the objects of a bucket at a moment, and where the moment came
// from; of a time, saved has only that.
func (s *Store) planOf(ctx context.Context, bucket string, m Moment, ev *reporter) (*plan, *SavedState, error) {
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	if m.StateKey != "" {
		return s.loadPlan(ctx, bucket, m.StateKey, m.StateVersion)
	}
	p, err := s.planAt(ctx, bucket, m.At, ev)
	return p, &SavedState{Bucket: bucket, Time: m.At}, err
}

// planAt takes from the version listing what was current at a time. It cannot
// know of versions that were removed since.
func (s *Store) planAt(ctx context.Context, bucket string, at time.Time, ev *reporter) (*plan, error) {
	if err := checkBucketName(bucket); err != nil {
		return nil, err
	}
	p := &plan{header: StateHeader{BucketName: bucket, TimeStart: at, TimeEnd: at}}
	settled, last := false, ""
	err := s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if v.Key != last {
				settled, last = false, v.Key
			}
			if settled || v.LastModified.After(at) {
				continue
			}
			settled = true // older ones were not current any more
			if v.DeleteMarker {
				continue
			}
			if err := p.add(planOfVersion(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && p.count == 0 {
		err = fmt.Errorf("bucket %s: %w: it held no object at %s", bucket, ErrNoState, at.Format(time.RFC3339))
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// verifyMoment compares a saved state with the version history; a moment taken
// from the history needs no comparing. The error is what Restore would refuse
// the state with.
func (s *Store) verifyMoment(ctx context.Context, bucket string, m Moment, p *plan, saved *SavedState, ev *reporter) (*Verification, error) {
	if m.StateKey == "" {
		return &Verification{Status: Verified, From: m.At, To: m.At}, nil
	}
	v, err := s.verify(ctx, bucket, p, saved.Time, ev)
	switch {
	case err != nil:
		return nil, err
	case v.TotalMissing > 0:
		return v, &MissingVersionsError{
			Bucket: bucket, StateKey: m.StateKey, Missing: v.Missing, Total: v.TotalMissing, OfVersions: int(p.count),
		}
	case v.Status == Differs:
		return v, &StateDiffersError{Bucket: bucket, StateKey: m.StateKey, Verification: v}
	}
	return v, nil
}

// tolerate drops the error of a state that differs, for those who know.
func tolerate(err error) error {
	if errors.Is(err, ErrStateDiffers) {
		return nil
	}
	return err
}
