package s3state

import (
	"context"
	"errors"
)

// dropOld removes what is old in one listing, in two passes: first the versions, then
// the delete markers that hid them. The markers wait in a spool.
func (s *Store) dropOld(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, res *DropResult, rep *reporter) error {
	var hiding markerList
	defer hiding.close()
	r := s.newRemover(ctx, "drop versions of bucket", bucket, rep)
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
	m := s.newRemover(ctx, "drop versions of bucket", bucket, rep)
	m.removed = removed
	err = hiding.each(func(key, version string) error {
		if r.isStuck(key) {
			return nil
		}
		return m.add(Version{Key: key, VersionID: version, DeleteMarker: true})
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

// countDrop is dropOld without the removing.
func (s *Store) countDrop(ctx context.Context, bucket string, keep *keepSet, res *DropResult) error {
	var c removedCount
	err := s.selectOld(ctx, bucket, nil, keep, func(v Version) error {
		if v.DeleteMarker {
			c.DeleteMarkers++
			return nil
		}
		c.Versions++
		c.Bytes += v.Size
		if isState(&v) {
			c.States++
		}
		return nil
	}, func(string, string) error { c.DeleteMarkers++; return nil })
	res.count(c)
	return err
}

func (r *DropResult) count(c removedCount) {
	r.OldVersions, r.States = r.counted.Versions-r.counted.States+c.Versions-c.States, r.counted.States+c.States
	r.DeleteMarkers, r.Bytes = r.counted.DeleteMarkers+c.DeleteMarkers, r.counted.Bytes+c.Bytes
}
