package s3state

import (
	"context"
	"errors"
	"time"
)

// dropOld removes what is old in one listing, in two passes over it: versions
// first; then the delete markers that hide versions, which are nothing any
// more. Those markers wait in a spool meanwhile.
func (s *Store) dropOld(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, res *DropResult, ev *reporter) error {
	var hiding markerSpool
	defer hiding.close()
	r := s.newRemover(ctx, "drop versions of bucket", bucket, ev)
	err := s.selectOld(r.ctx, bucket, interim, keep, r.add, hiding.add)
	removed, rerr := r.finish()
	res.count(removed)
	var batch *BatchError
	if rerr != nil && !errors.As(rerr, &batch) {
		return rerr
	}
	if err != nil {
		if batch != nil {
			return batch
		}
		return err
	}
	// Even if some versions could not be removed, the markers of other keys go.
	m := s.newRemover(ctx, "drop versions of bucket", bucket, ev)
	m.removed = removed
	err = hiding.each(func(key, version string) error {
		if r.isStuck(key) {
			return nil
		}
		return m.add(doomed{key: key, version: version, marker: true})
	})
	removed, merr := m.finish()
	res.count(removed)
	if batch != nil {
		var more *BatchError
		if errors.As(merr, &more) {
			batch.Total += more.Total
			batch.Failed = append(batch.Failed, more.Failed...)
		}
		return batch
	}
	if merr != nil {
		return merr
	}
	return err
}

func (r *DropResult) count(c removedCount) {
	r.OldVersions, r.States = c.Versions-c.States, c.States
	r.DeleteMarkers, r.Bytes = c.DeleteMarkers, c.Bytes
}

// countDrop is dropOld without the removing.
func (s *Store) countDrop(ctx context.Context, bucket string, keep *keepSet, res *DropResult) error {
	var c removedCount
	err := s.selectOld(ctx, bucket, nil, keep, func(d doomed) error {
		if d.marker {
			c.DeleteMarkers++
			return nil
		}
		c.Versions++
		c.Bytes += d.size
		if d.state {
			c.States++
		}
		return nil
	}, func(string, string) error { c.DeleteMarkers++; return nil })
	res.count(c)
	return err
}

// selectOld finds what is to be removed: by itself, or only after all older
// versions of its key (hiding).
func (s *Store) selectOld(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, remove func(doomed) error, hiding func(key, version string) error) error {
	// A delete marker stays if a version below it does: it says that this is
	// not current. So markers wait for the end of their key.
	var markers []Version
	keptBelow := 0 // of markers, those from the front with a kept version below
	key := ""
	var until time.Time // when the entry before was written, of the same key
	endKey := func() error {
		for _, m := range markers[keptBelow:] {
			if m.IsLatest {
				if err := hiding(m.Key, m.VersionID); err != nil {
					return err
				}
				continue
			}
			if err := remove(doomed{key: m.Key, version: m.VersionID, marker: true}); err != nil {
				return err
			}
		}
		markers, keptBelow = markers[:0], 0
		return nil
	}
	err := s.listVersions(ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if v.Key != key {
				if err := endKey(); err != nil {
					return err
				}
				key, until = v.Key, time.Time{}
			}
			gone := until
			until = v.LastModified
			switch {
			case v.DeleteMarker:
				if keep.empty() && !v.IsLatest {
					// Nothing below is kept; no need to wait.
					if err := remove(doomed{key: v.Key, version: v.VersionID, marker: true}); err != nil {
						return err
					}
					continue
				}
				markers = append(markers, *v)
			case keep.has(v.Key, v.VersionID), keep.hasEvidence(v, gone):
				keptBelow = len(markers)
			case v.IsLatest && !isState(v):
			case keep.hasCurrent(v):
				// Deleted or overwritten since this began, maybe by an intruder.
				keptBelow = len(markers)
				keep.lost++
			case interim != nil && v.Key == interim.Key && v.VersionID == interim.VersionID:
			case interim != nil && isState(v) && v.IsLatest && v.LastModified.After(interim.Time):
				// A run of the host has saved it meanwhile.
			default:
				if err := remove(doomed{key: v.Key, version: v.VersionID, size: v.Size, state: isState(v)}); err != nil {
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
