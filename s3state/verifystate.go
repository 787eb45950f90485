package s3state

import (
	"context"
	"errors"
	"fmt"
)

// VerifyState compares a saved state with the version history at its own time.
// An empty version id means the current version of the key.
func (s *Store) VerifyState(ctx context.Context, bucket, key, versionID string) (*Verification, error) {
	p, saved, err := s.loadPlan(ctx, bucket, key, versionID)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return s.verify(ctx, bucket, p, saved.Time, nil)
}

// errForeignState is that of a state that came here with a restore, among the
// other objects, or was put here by somebody.
var errForeignState = fmt.Errorf("%w: it is the state of another bucket", ErrBadState)

// loadPlan reads a saved state and says which version it was and when the
// server received it.
func (s *Store) loadPlan(ctx context.Context, bucket, key, versionID string) (*plan, *SavedState, error) {
	body, info, err := s.openObject(ctx, bucket, key, versionID)
	if err != nil {
		return nil, nil, err
	}
	defer body.Close()
	saved := &SavedState{Bucket: bucket, Key: key, VersionID: info.VersionID, Time: info.LastModified, Size: info.Size, ETag: info.ETag}
	if saved.VersionID == "" {
		saved.VersionID = versionID
	}
	named := func(err error) error {
		if errors.Is(err, ErrBadState) {
			return fmt.Errorf("state %q version %s in bucket %s: %w", key, saved.VersionID, bucket, err)
		}
		return err
	}
	sr, err := ReadPackedState(body)
	if err != nil {
		return nil, nil, named(err)
	}
	p, err := readPlan(sr)
	if err != nil {
		return nil, nil, named(err)
	}
	if p.header.BucketName != bucket {
		defer p.close()
		return nil, nil, named(fmt.Errorf("%w %q", errForeignState, clip(p.header.BucketName)))
	}
	return p, saved, nil
}
