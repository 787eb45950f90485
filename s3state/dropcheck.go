package s3state

import (
	"context"
	"fmt"
)

// checkBeforeDrop tells whether anything speaks against removing what is old. All of
// it is judged by one listing, and what was current then is kept: whatever happens
// later is no reason to remove anything.
func (s *Store) checkBeforeDrop(ctx context.Context, bucket string, opts DropOptions, keep *keepSet, ev *reporter) (*StorageCheck, error) {
	c := &StorageCheck{Bucket: bucket}
	now, err := s.checkCurrent(ctx, bucket, c, ev)
	if err != nil {
		return c, err
	}
	defer now.close()
	// With the same size and ETag a server may still not give it out again.
	if err := s.readObjects(ctx, bucket, now.again, CheckStorageOptions{ReadPercent: 100}, c, ev); err != nil {
		return c, err
	}
	c.OK = c.Total == 0
	if c.Total > c.since {
		return c, fmt.Errorf("%w: %s (%d problems)", ErrIncomplete, c.Problems[0], c.Total)
	}
	whole := false
	if opts.Confirm != nil {
		view, err := viewOf(bucket, now.plan)
		if err != nil {
			return c, err
		}
		if whole, err = opts.Confirm(ctx, view); err != nil {
			return c, err
		}
	}
	if !opts.Reviewed {
		if err := s.judge(ctx, bucket, now.h, HistoryOptions{Inspector: opts.Inspector, ReadAll: true}); err != nil {
			return c, err
		}
		c.suspicions(now.h)
		if err := c.doubts(whole); err != nil {
			return c, err
		}
	}
	return c, keep.addCurrent(now.plan)
}

// doubts are what somebody has to look at. whole says that the owner has confirmed
// what is there, so what restic deleted it deleted by right.
func (c *StorageCheck) doubts(whole bool) error {
	switch {
	case c.Suspicious > 0:
		return fmt.Errorf("%w, or may be: its history shows what no run of restic does (%d in all), first %s", ErrIncomplete, c.Suspicious, c.FirstSuspicion)
	case whole:
	case c.since > 0:
		return fmt.Errorf("%w, or may be: %d objects were deleted since the last verified state was saved; if that was forget or prune, save a state first", ErrIncomplete, c.since)
	case c.State == nil && !c.empty:
		return fmt.Errorf("%w, or may be: there is no saved state that the version history confirms", ErrIncomplete)
	case c.keysGone:
		return fmt.Errorf("%w, or may be: all keys that the repository has are newer than one that was deleted; without its password nobody can tell whether they open it", ErrIncomplete)
	}
	return nil
}
