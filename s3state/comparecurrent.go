package s3state

import (
	"context"
	"strings"
)

// compareCurrent compares what is current with a plan (which may be nil), and
// gives the plan of what is current.
func (s *Store) compareCurrent(ctx context.Context, bucket string, old *plan, c *StorageCheck, ev *reporter) (current *plan, err error) {
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
			}
			if _, err := r.next(); err != nil {
				return err
			}
		}
		return nil
	}
	current = &plan{}
	h := newHistorian(bucket)
	var vital vitals
	c.empty = true
	var top Version // the key's newest object version
	err = s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		h.take(entries)
		for i := range entries {
			v := &entries[i]
			c.empty = false
			vital.note(v)
			if v.Key == top.Key && !v.DeleteMarker {
				if resticID(v.Key) != "" && !sameBytes(v, &top) {
					c.problem(v.Key, top.VersionID, "it was overwritten with something else, which restic never does")
				}
				continue
			}
			if v.DeleteMarker {
				continue
			}
			top = *v
			if !v.IsLatest {
				continue
			}
			c.Objects++
			c.Bytes += v.Size
			if err := current.add(planned{v.Key, v.VersionID, v.ETag, v.Size, v.LastModified}); err != nil {
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
	h.end(defaultQuiet)
	if c.Suspicious = h.res.Total; c.Suspicious > 0 {
		c.FirstSuspicion = &h.res.Suspicions[0]
	}
	return current, nil
}

// vitals is whether there still is what no repository can be opened without.
type vitals struct {
	config    string // the version id of its delete marker, if it was deleted
	key       Version
	keys, had int
}

func (t *vitals) note(v *Version) {
	switch TypeOf(v.Key) {
	case TypeConfig:
		if v.IsLatest && v.DeleteMarker {
			t.config = v.VersionID
		}
	case TypeKey:
		t.had++
		if v.IsLatest && !v.DeleteMarker {
			t.keys++
		} else {
			t.key = *v
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
}

func sameContent(o *planned, v *Version) bool {
	return o.Size == v.Size && plainETag(o.ETag) && bareETag(o.ETag) == bareETag(v.ETag)
}

// partOfRepository leaves out what comes and goes: locks and saved states.
func partOfRepository(key string) bool {
	return !strings.HasPrefix(key, "locks/") && !strings.HasPrefix(key, "rwm/")
}
