package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DropOptions refine DropVersions.
type DropOptions struct {
	// RequireComplete checks first, as CheckStorage and History do on one listing, and
	// removes nothing if there is any doubt: if something is missing or overwritten,
	// if there is anything that History marks, or if nothing confirms what is there.
	// The error is an ErrIncomplete.
	RequireComplete bool
	// Reviewed says that somebody has looked at the History: what it marks, deletions
	// since the last confirmed state and a lack of such states are no doubts then.
	Reviewed bool
	// Confirm, if not nil, is asked by RequireComplete whether what is current is whole
	// as its owner understands it. If it says so, no saved state has to confirm that.
	// An error is a reason to remove nothing.
	Confirm func(ctx context.Context, now *View) (whole bool, err error)
	// Inspector is that of HistoryOptions, and called after Confirm.
	Inspector func(ctx context.Context, good time.Time) (Inspect, error)
	// KeepStates keeps the newest states, and KeepWithin those saved so
	// recently, with every version they name. Both together keep both. Locks, keys
	// and snapshots since the oldest of them stay too, for History.
	KeepStates int
	KeepWithin time.Duration
	// DryRun changes nothing and counts what would be removed.
	DryRun  bool
	OnEvent func(Event)
}

// DropResult counts what DropVersions removed.
type DropResult struct {
	Bucket        string
	OldVersions   int64
	DeleteMarkers int64
	States        int64 // versions of saved states
	Bytes         int64 // of old versions and states
	// State is the new state, the only one left unless some were to be kept;
	// nil after a dry run.
	State *SavedState
	Kept  []SavedState // states that were kept
	// Lost counts versions that were current when DropVersions began and that
	// somebody deleted or overwrote while it ran. They are still there, as old
	// versions; the last of Kept is a state that names them.
	Lost  int64
	Check *StorageCheck
}

// DropVersions removes the saved states, every old version and every delete
// marker, and leaves one new state. It is the admin's way to win space back
// once the storage is known to be complete: nothing older than now can be
// restored afterwards.
//
// It removes single versions by their ids, as they were at one moment. What is
// written or deleted while it runs stays as it is: a version that became
// current is never removed, and a deletion not undone.
//
// A state is saved before anything is removed and replaced at the end, so that
// there is a valid one at every moment; after an interruption run it again. If
// single versions could not be removed the error is a *BatchError, and the
// result says what is gone.
func (s *Store) DropVersions(ctx context.Context, bucket string, opts DropOptions) (*DropResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	res := &DropResult{Bucket: bucket}
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return res, err
	}
	if err := s.requireOwner(ctx, bucket); err != nil {
		return res, fmt.Errorf("drop versions of bucket %s: %w; nothing was changed", bucket, err)
	}
	// It must not name the states that are about to go, or it could not be
	// restored itself.
	var checked keepSet
	if opts.RequireComplete {
		var err error
		if res.Check, err = s.checkBeforeDrop(ctx, bucket, opts, &checked, ev); err != nil {
			return res, fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
		}
	}
	keep, err := s.keepers(ctx, bucket, opts)
	if err != nil {
		return res, fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
	}
	keep.current = checked.current
	res.Kept = keep.states
	if opts.DryRun {
		return res, s.countDrop(ctx, bucket, keep, res)
	}
	interim, err := s.save(ctx, bucket, func(v *Version) bool { return strings.HasPrefix(v.Key, statePrefix) }, ev)
	if err != nil {
		return res, fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
	}
	res.State = interim
	if interim.Time, err = s.savedAt(ctx, interim); err != nil {
		return res, dropError(err, res)
	}
	if err := s.keepCurrent(ctx, interim, keep); err != nil {
		return res, dropError(err, res)
	}
	if err := s.dropOld(ctx, bucket, interim, keep, res, ev); err != nil {
		return res, dropError(err, res)
	}
	ev.emit(StepDone{Bucket: bucket, Step: "remove old versions, delete markers and states"})

	// The interim state has the removed versions in its list, and must not be
	// in the list of the one that replaces it.
	isInterim := func(v *Version) bool { return v.Key == interim.Key }
	if res.Lost = keep.lost; res.Lost > 0 {
		s.log.Warn("objects were deleted or overwritten while versions were dropped; they and the state that names them are kept",
			"bucket", bucket, "objects", res.Lost, "state", interim.Key, "version", interim.VersionID)
		res.Kept = append(res.Kept, *interim)
	}
	final, err := s.save(ctx, bucket, isInterim, ev)
	if err != nil {
		return res, fmt.Errorf("drop versions of bucket %s: all is removed, and the state %q saved; saving the final one failed: %w", bucket, interim.Key, err)
	}
	res.State = final
	if res.Lost > 0 {
		return res, nil
	}
	if err := s.dropStates(ctx, bucket, interim, final, ev); err != nil {
		return res, fmt.Errorf("drop versions of bucket %s: all is done but removing the interim state %q: %w", bucket, interim.Key, err)
	}
	return res, nil
}

// dropStates removes the interim state, and what a repeated request may have
// left of the final one.
func (s *Store) dropStates(ctx context.Context, bucket string, interim, final *SavedState, ev *reporter) error {
	r := s.newRemover(ctx, "drop versions of bucket", bucket, ev)
	err := s.listVersions(ctx, bucket, statePrefix, nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if (v.Key == interim.Key || v.Key == final.Key) && v.VersionID != final.VersionID && !v.DeleteMarker {
				if err := r.add(doomed{key: v.Key, version: v.VersionID, size: v.Size}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if _, rerr := r.finish(); rerr != nil {
		return rerr
	}
	return err
}

// keepCurrent keeps what the interim state names: what is old is judged by a
// later listing, and whoever has the host's credentials may have made it so.
func (s *Store) keepCurrent(ctx context.Context, interim *SavedState, keep *keepSet) error {
	p, _, err := s.loadPlan(ctx, interim.Bucket, interim.Key, interim.VersionID)
	if err != nil {
		return err
	}
	defer p.close()
	return keep.addCurrent(p)
}

// savedAt asks when the server received a state.
func (s *Store) savedAt(ctx context.Context, st *SavedState) (at time.Time, err error) {
	err = s.listVersions(ctx, st.Bucket, st.Key, nil, func(entries []Version) error {
		for i := range entries {
			if entries[i].Key == st.Key && entries[i].VersionID == st.VersionID {
				at = entries[i].LastModified
			}
		}
		return nil
	})
	if err == nil && at.IsZero() {
		err = fmt.Errorf("%w: the state %q just saved is not in it", ErrBadListing, st.Key)
	}
	return at, err
}

func dropError(err error, res *DropResult) error {
	gone := fmt.Sprintf("%d old versions, %d delete markers and %d states are gone, what is current is untouched; run it again",
		res.OldVersions, res.DeleteMarkers, res.States)
	var batch *BatchError
	if errors.As(err, &batch) {
		batch.Next = gone
		return batch
	}
	return fmt.Errorf("drop versions of bucket %s: %w (%s)", res.Bucket, err, gone)
}
