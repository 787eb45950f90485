package s3state

import (
	"context"
	"errors"
)

// dropOld removes what is old in one listing, in two passes: first the versions, then
// the delete markers that hid them. After all else, and in the same way, go the locks:
// a drop that is interrupted leaves no deletion behind whose lock is gone. What has to
// wait does so in a spool.
func (s *Store) dropOld(ctx context.Context, bucket string, interim *SavedState, keep *keepSet, res *DropResult, rep *reporter) error {
	var hiding, locks waiting
	defer hiding.close()
	defer locks.close()
	r := dropping{s, bucket, res, rep, removedCount{}}
	err := r.passes(ctx, &hiding, func(ctx context.Context, remove func(Version) error) error {
		return s.selectOld(ctx, bucket, interim, keep, func(v Version) error {
			if TypeOf(v.Key) == TypeLock {
				return locks.add(v)
			}
			return remove(v)
		}, func(key, version string) error {
			m := Version{Key: key, VersionID: version, DeleteMarker: true}
			if TypeOf(key) == TypeLock {
				return locks.add(m)
			}
			return hiding.add(m)
		})
	})
	if err != nil || locks.none() {
		return err
	}
	var markers waiting
	defer markers.close()
	return r.passes(ctx, &markers, func(_ context.Context, remove func(Version) error) error {
		return locks.each(func(v Version) error {
			if v.DeleteMarker {
				return markers.add(v)
			}
			return remove(v)
		})
	})
}

// dropping is one dropOld.
type dropping struct {
	s       *Store
	bucket  string
	res     *DropResult
	rep     *reporter
	removed removedCount
}

func (d *dropping) remover(ctx context.Context) *remover {
	r := d.s.newRemover(ctx, "drop versions of bucket", d.bucket, d.rep)
	r.removed = d.removed
	return r
}

func (d *dropping) finish(r *remover) (err error) {
	d.removed, err = r.finish()
	d.res.count(d.removed)
	return err
}

// passes removes what find passes on and then, of keys all of whose versions could be
// removed, the markers that it left in hiding.
func (d *dropping) passes(ctx context.Context, hiding *waiting, find func(ctx context.Context, remove func(Version) error) error) error {
	r := d.remover(ctx)
	err := find(r.ctx, r.add)
	rerr := d.finish(r)
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
	m := d.remover(ctx)
	err = hiding.each(func(v Version) error {
		if r.isStuck(v.Key) {
			return nil
		}
		return m.add(v)
	})
	merr := d.finish(m)
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
