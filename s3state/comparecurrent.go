package s3state

import (
	"context"
	"strings"
	"time"
)

// currentState is what one listing of a bucket gives.
type currentState struct {
	plan  *plan // what is current
	again *plan // of that, what was written more than once
	h     *historian
}

func (c *currentState) close() {
	c.plan.close()
	c.again.close()
}

// checkCurrent compares what is current with the last state that the version history
// confirms, and judges the past by the listing alone.
func (s *Store) checkCurrent(ctx context.Context, bucket string, c *StorageCheck, ev *reporter) (*currentState, error) {
	old, err := s.lastVerified(ctx, bucket, c)
	if err != nil {
		return nil, err
	}
	if old != nil {
		defer old.close()
	}
	now, err := s.compareCurrent(ctx, bucket, old, c, ev)
	if err != nil {
		return nil, err
	}
	c.suspicions(now.h)
	return now, nil
}

// compareCurrent compares what is current with a plan, which may be nil.
func (s *Store) compareCurrent(ctx context.Context, bucket string, old *plan, c *StorageCheck, ev *reporter) (*currentState, error) {
	var err error
	var r *planReader
	if old != nil {
		if r, err = old.reader(); err != nil {
			return nil, err
		}
	}
	gone := func(until string, all bool) error {
		for r != nil {
			o, err := r.peek()
			if err != nil || o == nil || !all && o.Key >= until {
				return err
			}
			if partOfRepository(o.Key) {
				c.problem(o.Key, o.VersionID, "it was deleted since the last verified state was saved")
				c.since++
			}
			if _, err := r.next(); err != nil {
				return err
			}
		}
		return nil
	}
	current := &currentState{&plan{}, &plan{}, newHistorian(bucket)}
	var vital vitals
	c.empty = true
	var top Version   // the key's newest object version
	var topAgain bool // it is noted as written more than once
	err = s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		current.h.take(entries)
		for i := range entries {
			v := &entries[i]
			c.empty = false
			vital.note(v)
			if v.Key == top.Key && !v.DeleteMarker {
				if resticID(v.Key) != "" && !sameBytes(v, &top) {
					c.problem(v.Key, top.VersionID, "it was overwritten with something else, which restic never does")
				}
				if top.IsLatest && !topAgain && resticID(v.Key) != "" && TypeOf(v.Key) != TypeLock {
					topAgain = true
					if err := current.again.add(planOfVersion(&top)); err != nil {
						return err
					}
				}
				continue
			}
			if v.DeleteMarker {
				continue
			}
			top, topAgain = *v, false
			if !v.IsLatest {
				continue
			}
			c.Objects++
			c.Bytes += v.Size
			if err := current.plan.add(planOfVersion(v)); err != nil {
				return err
			}
			if err := gone(v.Key, false); err != nil {
				return err
			}
			if r == nil {
				continue
			}
			o, err := r.peek()
			if err != nil {
				return err
			}
			if o != nil && o.Key == v.Key {
				if o.VersionID != v.VersionID && partOfRepository(v.Key) && !sameContent(o, v) {
					c.problem(v.Key, v.VersionID, "it was overwritten since the last verified state was saved")
				}
				_, _ = r.next()
			}
		}
		return nil
	})
	if err == nil {
		err = gone("", true)
	}
	if err != nil {
		current.close()
		return nil, err
	}
	vital.judge(c)
	current.h.end(defaultQuiet)
	return current, nil
}

// vitals is whether there still is what no repository can be opened without.
type vitals struct {
	config    string // the version id of its delete marker, if it was deleted
	key       Version
	keys, had int
	oldest    time.Time // of the keys that are there
	first     time.Time // of those that are not
}

func (t *vitals) note(v *Version) {
	switch TypeOf(v.Key) {
	case TypeConfig:
		if v.IsLatest && v.DeleteMarker {
			t.config = v.VersionID
		}
	case TypeKey:
		t.had++
		at := &t.first
		if v.IsLatest && !v.DeleteMarker {
			t.keys++
			at = &t.oldest
		} else {
			t.key = *v
		}
		if at.IsZero() || v.LastModified.Before(*at) {
			*at = v.LastModified
		}
	}
}

func (t *vitals) judge(c *StorageCheck) {
	if t.config != "" {
		c.problem("config", t.config, "the repository's config was deleted")
	}
	if t.had > 0 && t.keys == 0 {
		c.problem(t.key.Key, t.key.VersionID, "the repository's last key was deleted")
	}
	c.keysGone = !t.first.IsZero() && t.first.Before(t.oldest)
}

func sameContent(o *planned, v *Version) bool {
	return o.Size == v.Size && plainETag(o.ETag) && bareETag(o.ETag) == bareETag(v.ETag)
}

// partOfRepository leaves out what comes and goes: locks and saved states.
func partOfRepository(key string) bool {
	return !strings.HasPrefix(key, "locks/") && !strings.HasPrefix(key, "rwm/")
}
