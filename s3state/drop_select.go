package s3state

import (
	"context"
	"time"
)

// selectOld finds what to remove: at once (remove), or only after all older versions of
// its key (hiding).
func (s *Store) selectOld(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, remove func(Version) error, hiding func(key, version string) error) error {
	// A delete marker stays if an older version of its key does, since it makes that
	// version not current. So markers wait for the end of their key.
	var markers []Version
	keptBelow := 0 // markers[:keptBelow] have a kept version below them
	key := ""
	var until time.Time // when the key's newer entry was written at the latest, zero if there is none
	endKey := func() error {
		for _, m := range markers[keptBelow:] {
			if m.IsLatest {
				if err := hiding(m.Key, m.VersionID); err != nil {
					return err
				}
				continue
			}
			if err := remove(m); err != nil {
				return err
			}
		}
		markers, keptBelow = markers[:0], 0
		return nil
	}
	err := s.listVersions(ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			first := v.Key != key
			if first {
				if err := endKey(); err != nil {
					return err
				}
				key, until = v.Key, time.Time{}
			}
			// The newest entry stands first. A server that marks none of a key as the
			// latest has lost track of it, and what stands first is all there is.
			current := v.IsLatest || first
			gone := until
			until = writtenUntil(v, until)
			switch {
			case v.DeleteMarker:
				if keep.empty() && !v.IsLatest {
					// Nothing below is kept; no need to wait.
					if err := remove(*v); err != nil {
						return err
					}
					continue
				}
				markers = append(markers, *v)
			case keep.has(v.Key, v.VersionID), keep.hasEvidence(v, gone),
				!current && !isState(v) && keep.within(gone), keep.everyState && isState(v):
				keptBelow = len(markers)
				if !current {
					keep.kept++
				}
			case current && !isState(v):
			case keep.hasCurrent(v):
				// Deleted or overwritten since this began, maybe by an attacker.
				keptBelow = len(markers)
				keep.lost++
			case interim != nil && v.Key == interim.Key && v.VersionID == interim.VersionID:
			case interim != nil && isState(v) && v.IsLatest && v.LastModified.After(interim.Time):
				// A backup run has saved it meanwhile.
			default:
				if err := remove(*v); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return endKey()
}

// writtenUntil is the latest time at which an entry can have been written. For an
// upload in parts its own time does not tell, but it was written before it was itself
// replaced, at until.
func writtenUntil(v *Version, until time.Time) time.Time {
	if at, known := latest(v); known {
		return at
	}
	if inRepository(v.Key) {
		return until
	}
	// Other programs upload in parts as a matter of course, so that all their old
	// versions would stay. A drop aborts uploads of this age.
	if at := v.LastModified.AddDate(0, 0, uploadDays); until.IsZero() || at.Before(until) {
		return at
	}
	return until
}
