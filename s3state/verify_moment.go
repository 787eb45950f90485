package s3state

import (
	"context"
	"errors"
)

// verifyMoment compares a saved state with the version history; a moment taken from the
// history needs no comparing, but what the storage's rule has removed is not in it. The
// error is what Restore would refuse the state with.
func (s *Store) verifyMoment(ctx context.Context, bucket string, m Moment, p *manifest, saved *SavedState, rep *reporter) (*Verification, error) {
	if m.StateKey == "" {
		v := &Verification{Status: Verified, From: m.At, To: m.At}
		var err error
		if v.Lapse, err = s.lapse(ctx, bucket, m); v.Lapse != nil {
			v.Status = Reclaimed
		}
		return v, err
	}
	v, err := s.verify(ctx, bucket, p, saved, rep)
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

// tolerate drops the error of a state that differs, for AllowUnverified.
func tolerate(err error) error {
	if errors.Is(err, ErrStateDiffers) {
		return nil
	}
	return err
}
