package s3state

import (
	"context"

	"github.com/cesnet/rwm/s3versions"
)

// currentState is what one listing says about a bucket.
type currentState struct {
	manifest *manifest // what is current
	again    *manifest // of these, the ones written more than once
	h        *timeline
}

func (c *currentState) close() {
	c.manifest.close()
	c.again.close()
}

// checkCurrent compares the current objects with the last state that the version
// history confirms, and judges the past by the listing alone. every keeps all that a
// history may read, for a caller that reads it.
func (s *Store) checkCurrent(ctx context.Context, bucket string, c *StorageCheck, every bool, rep *reporter) (*currentState, error) {
	old, err := s.lastVerified(ctx, bucket, c)
	if err != nil {
		return nil, err
	}
	if old != nil {
		defer old.close()
	}
	now, err := s.compareCurrent(ctx, bucket, old, c, every, rep)
	if err != nil {
		return nil, err
	}
	c.suspicions(now.h)
	return now, nil
}

// compareCurrent compares the current objects with a manifest, which may be nil.
func (s *Store) compareCurrent(ctx context.Context, bucket string, old *manifest, c *StorageCheck, every bool, rep *reporter) (*currentState, error) {
	cmp := &comparison{c: c, now: &currentState{&manifest{}, &manifest{}, newTimeline(bucket)}}
	cmp.now.h.reads(every, s.readMost)
	var err error
	if cmp.walk, err = newWalk(old, cmp.deleted); err != nil {
		return nil, err
	}
	c.empty = true
	err = s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		cmp.now.h.take(entries)
		for i := range entries {
			if err := cmp.version(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = cmp.walk.end()
	}
	if err == nil {
		err = s.lockRules(ctx, bucket, cmp.now.h, nil)
	}
	if err != nil {
		cmp.now.close()
		return nil, err
	}
	cmp.vital.judge(c)
	cmp.now.h.end(defaultGap)
	return cmp.now, nil
}

// comparison is one listing compared with what should be current.
type comparison struct {
	c     *StorageCheck
	now   *currentState
	walk  *walk
	vital vitals

	top   Version // the key's newest object version
	again bool    // it is in now.again
}

func (cmp *comparison) deleted(o entry) error {
	if !partOfRepository(o.Key) {
		return nil
	}
	cmp.c.since++
	if !cmp.c.whole {
		cmp.c.problem(o.Key, o.VersionID, "it was deleted since the last verified state was saved")
	}
	return nil
}

func (cmp *comparison) version(v *Version) error {
	cmp.c.empty = false
	cmp.vital.note(v)
	switch {
	case v.DeleteMarker:
		return nil
	case v.Key == cmp.top.Key:
		return cmp.older(v)
	}
	cmp.top, cmp.again = *v, false
	if !v.IsLatest {
		return nil
	}
	return cmp.current(v)
}

// older notes that the key's newest version is not its first. Whether it is what its
// name says is found out by reading it, not from what it replaced.
func (cmp *comparison) older(v *Version) error {
	top := &cmp.top
	if resticID(v.Key) == "" {
		return nil
	}
	if !top.IsLatest || cmp.again || TypeOf(v.Key) == TypeLock {
		return nil
	}
	cmp.again = true
	return cmp.now.again.add(entryFrom(top))
}

func (cmp *comparison) current(v *Version) error {
	cmp.c.Objects++
	cmp.c.Bytes += v.Size
	if err := cmp.now.manifest.add(entryFrom(v)); err != nil {
		return err
	}
	o, err := cmp.walk.to(v.Key)
	if err == nil && o != nil && o.VersionID != v.VersionID && partOfRepository(v.Key) && resticID(v.Key) == "" && !sameContent(o, v) && !cmp.c.whole {
		cmp.c.problem(v.Key, v.VersionID, "it was overwritten since the last verified state was saved")
		cmp.c.replaced++
	}
	return err
}

func sameContent(o *entry, v *Version) bool {
	return o.Size == v.Size && s3versions.IsMD5(o.ETag) && s3versions.BareETag(o.ETag) == s3versions.BareETag(v.ETag)
}
