package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// DropOptions configures DropVersions.
type DropOptions struct {
	// RequireComplete first checks the bucket as CheckStorage and History do, on one
	// listing, and removes nothing if something is missing or overwritten, if History
	// marks anything, or if nothing confirms the current objects. The error is then an
	// ErrUnconfirmed, and an ErrStorageIncomplete if something is known to be missing.
	// Without it nothing is checked: of what an attacker has deleted or overwritten,
	// the versions that would bring it back are removed.
	RequireComplete bool
	// Reviewed says that the admin has reviewed the History: its suspicions, deletions
	// since the last confirmed state, and a missing proof no longer stop DropVersions.
	Reviewed bool
	// ReviewedUntil: see HistoryOptions.
	ReviewedUntil time.Time
	// Confirm, if not nil, is called by RequireComplete to tell whether the current
	// objects are complete, as only their owner can know. Without it the current
	// objects of a repository are not proved, and DropVersions returns ErrNotProved
	// unless Reviewed is set. It is called again if the bucket has to be listed again,
	// as something was removed from it meanwhile. An error aborts DropVersions.
	Confirm func(ctx context.Context, now *View) (whole bool, err error)
	// Inspector: see HistoryOptions. It is called after Confirm.
	Inspector func(ctx context.Context, good time.Time) (Inspect, error)
	// Measure: see HistoryOptions.
	Measure Measure
	// KeepStates is how many of the newest states to keep (0: none, negative: all),
	// with every version they name: states that the history confirms and, if there is a
	// Prover, at whose moment the repository holds together.
	KeepStates int
	// KeepWithin keeps every version that was current at any time within this period,
	// by the server's clock and the version history, whether or not a state was saved
	// then, and the states saved since. KeepStates and KeepWithin together keep both.
	// Locks, keys and snapshots since the oldest moment kept stay too, for History.
	KeepWithin time.Duration
	// Prover is for KeepStates: see HistoryOptions.
	Prover Prover
	// DryRun only counts what would be removed.
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
	// State is the new state, the only one left unless others were kept; nil after a
	// dry run.
	State *SavedState
	Kept  []SavedState // states that were kept
	// KeptSince is the beginning of KeepWithin by the server's clock, zero without it.
	// KeptVersions counts the old versions that were kept, for whatever reason.
	KeptSince    time.Time
	KeptVersions int64
	// Uploads counts the uploads in parts that were aborted: never completed, and begun
	// a week ago or earlier, or to the name of one of restic's files, which no program
	// resumes. UploadsLeft counts the others, which may still be in progress; the last
	// of them is a week old at UploadsLeftUntil.
	Uploads, UploadsLeft int64
	UploadsLeftUntil     time.Time
	// Lost counts versions that were current when DropVersions began and were deleted
	// or overwritten while it ran. They are kept as old versions; the last state in
	// Kept names them.
	Lost int64
	// Full says that the bucket took nothing more even at the end. State is then the
	// one that was saved at the beginning: it brings back what is current, but also
	// counts versions that are gone.
	Full  bool
	Check *StorageCheck

	counted removedCount // by an earlier pass
}

// DropVersions removes the saved states, every old version, every delete marker and
// every upload in parts that was not completed (those that may still be in progress
// stay until they are a week old), and leaves one new state.
// It is the admin's way to reclaim space once the storage is known to be complete:
// nothing older than now can be restored afterwards.
//
// It removes single versions by their IDs, as they were at one moment. What is written
// or deleted while it runs stays as it is: it never removes a version that became
// current, and never undoes a deletion.
//
// A state is saved before anything is removed and replaced at the end, so there is a
// valid one at every moment. If the bucket is so full that none can be saved, old
// versions that are no states go first. After an interruption run it again. If some
// versions could not be removed the error is a *BatchError, and the result counts what
// is gone.
//
// Errors: ErrUnconfirmed, ErrStorageIncomplete, ErrNotProved, ErrNotVersioned,
// ErrBadListing, ErrChanging, ErrFull, *BatchError.
func (s *Store) DropVersions(ctx context.Context, bucket string, opts DropOptions) (*DropResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	res := &DropResult{Bucket: bucket}
	err := s.dropVersions(ctx, bucket, opts, res, rep)
	return res, ended(ctx, err, StepError{Op: opDrop, Bucket: bucket, Step: stepLook, Left: "nothing was removed", Next: "run the same again"})
}

const opDrop = "drop versions of bucket"

func (s *Store) dropVersions(ctx context.Context, bucket string, opts DropOptions, res *DropResult, rep *reporter) error {
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return err
	}
	if err := s.requireOwner(ctx, bucket); err != nil {
		return fmt.Errorf("drop versions of bucket %s: %w; nothing was changed", bucket, err)
	}
	var checked keepSet
	if opts.RequireComplete {
		err := looks(rep, bucket, func(last bool) (err error) {
			checked = keepSet{}
			res.Check, err = s.checkBeforeDrop(ctx, bucket, opts, &checked, last, rep)
			return err
		})
		if err != nil {
			return fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
		}
	}
	choose := func(now time.Time, interim *SavedState) (*keepSet, error) {
		keep, err := s.keepers(ctx, bucket, opts, now, interim)
		if err != nil {
			return nil, fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
		}
		keep.current = checked.current
		res.Kept, res.KeptSince = keep.states, keep.since
		return keep, nil
	}
	if opts.RequireComplete && !opts.Reviewed {
		if err := s.refuseLockedDrop(ctx, bucket, choose); err != nil {
			return fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
		}
	}
	if opts.DryRun {
		return s.wouldDrop(ctx, bucket, choose, res)
	}
	interim, err := s.saveInterim(ctx, bucket, rep)
	if isFull(err) {
		var keep *keepSet
		if keep, err = choose(time.Time{}, nil); err != nil {
			return err
		}
		if interim, err = s.dropWhenFull(ctx, bucket, keep, res, rep); err != nil {
			return dropError(ctx, err, res)
		}
	}
	if err != nil {
		return fmt.Errorf("drop versions of bucket %s: nothing was removed: %w", bucket, err)
	}
	res.State = interim
	if interim.Time, err = s.savedAt(ctx, interim); err != nil {
		return dropError(ctx, err, res)
	}
	keep, err := choose(interim.Time, interim)
	if err != nil {
		return err
	}
	if err := s.keepCurrent(ctx, interim, keep); err != nil {
		return dropError(ctx, err, res)
	}
	if err := s.dropOld(ctx, bucket, interim, keep, res, rep); err != nil {
		return dropError(ctx, err, res)
	}
	res.KeptVersions = keep.kept
	rep.emit(StepDone{Bucket: bucket, Step: "remove old versions, delete markers and states"})
	if err := s.dropUploads(ctx, bucket, interim.Time, false, res); err != nil {
		return dropError(ctx, err, res)
	}
	return s.replaceInterim(ctx, bucket, interim, keep, res, rep)
}

// wouldDrop counts what DropVersions would remove.
func (s *Store) wouldDrop(ctx context.Context, bucket string, choose func(time.Time, *SavedState) (*keepSet, error), res *DropResult) error {
	keep, err := choose(time.Time{}, nil)
	if err != nil {
		return err
	}
	err = s.countDrop(ctx, bucket, keep, res)
	res.KeptVersions = keep.kept
	if err != nil {
		return err
	}
	return s.dropUploads(ctx, bucket, s.now(), true, res)
}

// replaceInterim saves the final state once everything is removed, and removes the
// interim one unless it names objects that were lost meanwhile.
func (s *Store) replaceInterim(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, res *DropResult, rep *reporter) error {
	// The interim state lists the removed versions, and must not be in the list of the
	// state that replaces it.
	isInterim := func(v *Version) bool { return v.Key == interim.Key }
	if res.Lost = keep.lost; res.Lost > 0 {
		s.log.Warn("objects were deleted or overwritten while versions were dropped; they and the state that names them are kept",
			"bucket", bucket, "objects", res.Lost, "state", interim.Key, "version", interim.VersionID)
		res.Kept = append(res.Kept, *interim)
	}
	final, err := s.save(ctx, bucket, isInterim, rep)
	if isFull(err) {
		res.Full = true
		return nil
	}
	if err != nil {
		return ended(ctx, fmt.Errorf("drop versions of bucket %s: everything is removed and the state %q is saved; saving the final one failed: %w", bucket, interim.Key, err), StepError{
			Op: opDrop, Bucket: bucket, Step: "save the final state", Left: fmt.Sprintf("everything is removed, and the state %q is saved", interim.Key), Next: "run the same again",
		})
	}
	res.State = final
	if res.Lost > 0 {
		return nil
	}
	err = s.dropStates(ctx, bucket, interim, final, rep)
	if errors.Is(err, ErrAccessDenied) && s.locksNew(ctx, bucket) {
		// Lifecycle removes what is hidden, after its lock.
		if err = nil; interim.Key != final.Key {
			err = s.hide(ctx, bucket, interim.Key)
		}
	}
	if err != nil {
		return ended(ctx, fmt.Errorf("drop versions of bucket %s: everything is done except removing the interim state %q: %w", bucket, interim.Key, err), StepError{
			Op: opDrop, Bucket: bucket, Step: "remove the interim state", Left: fmt.Sprintf("everything is done except removing the interim state %q", interim.Key), Next: "run the same again",
		})
	}
	return nil
}

// refuseLockedDrop looks before anything is removed whether object lock keeps some of
// what would be: a *LockedError.
func (s *Store) refuseLockedDrop(ctx context.Context, bucket string, choose func(time.Time, *SavedState) (*keepSet, error)) error {
	return s.refuseLocked(ctx, bucket, func(concerned func(Version) error) error {
		keep, err := choose(time.Time{}, nil)
		if err != nil {
			return err
		}
		return s.selectOld(ctx, bucket, nil, keep, concerned, func(string, string) error { return nil })
	})
}

// locksNew reports whether the bucket locks what is written, as the interim state was.
func (s *Store) locksNew(ctx context.Context, bucket string) bool {
	var l Lock
	return s.readDefaultRetention(ctx, bucket, &l) == nil && l.RetainDays > 0
}

// saveInterim saves the state that is there while versions are removed. It must not
// name the states that are about to go, or it could not be restored itself.
func (s *Store) saveInterim(ctx context.Context, bucket string, rep *reporter) (*SavedState, error) {
	return s.save(ctx, bucket, func(v *Version) bool { return strings.HasPrefix(v.Key, statePrefix) }, rep)
}

// dropStates removes the interim state, and duplicates of the final one that a repeated
// request may have left.
func (s *Store) dropStates(ctx context.Context, bucket string, interim, final *SavedState, rep *reporter) error {
	r := s.newRemover(ctx, "drop versions of bucket", bucket, rep)
	err := s.listVersions(ctx, bucket, statePrefix, nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if (v.Key == interim.Key || v.Key == final.Key) && v.VersionID != final.VersionID && !v.DeleteMarker {
				if err := r.add(*v); err != nil {
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

// keepCurrent keeps what the interim state names. A later listing decides what is old,
// and by then an attacker with the host's credentials may have deleted or overwritten
// it.
func (s *Store) keepCurrent(ctx context.Context, interim *SavedState, keep *keepSet) error {
	p, _, err := s.loadManifest(ctx, interim.Bucket, interim.Key, interim.VersionID)
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

func dropError(ctx context.Context, err error, res *DropResult) error {
	left := fmt.Sprintf("gone: %s, %s and %s; what is current is untouched",
		plural.Of(res.OldVersions, "old version"), plural.Of(res.DeleteMarkers, "delete marker"), plural.Of(res.States, "state"))
	gone := left + "; run it again"
	var batch *BatchError
	if errors.As(err, &batch) {
		batch.Next = gone
		return batch
	}
	return ended(ctx, fmt.Errorf("drop versions of bucket %s: %w (%s)", res.Bucket, err, gone), StepError{
		Op: opDrop, Bucket: res.Bucket, Step: "remove old versions", Left: left, Next: "run it again",
	})
}
