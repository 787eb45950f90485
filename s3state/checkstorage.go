package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
)

// ErrIncomplete says that CheckStorage found something wrong.
var ErrIncomplete = errors.New("the storage is not complete")

// CheckStorageOptions refine CheckStorage.
type CheckStorageOptions struct {
	// Moment to check; none for what is current, against the last state that
	// can be verified.
	Moment Moment
	// ReadPercent of the objects are read, and their bytes compared with their
	// names or ETags. 100 for all, 0 for none.
	ReadPercent float64
	// LeavePacks reads no packs: the caller does, with the repository's password.
	LeavePacks bool
	OnEvent    func(Event)

	checked func(*plan) error // gets what was found complete
}

// StorageCheck is what CheckStorage found.
type StorageCheck struct {
	Bucket   string
	OK       bool
	Problems []Difference // at most the first 1000
	Total    int
	// State is what was compared with; nil if there is no state that can be
	// verified, and only what shows by itself was checked.
	State          *SavedState
	Objects, Bytes int64
	Read           int64 // objects whose bytes were read
}

func (c *StorageCheck) problem(key, version, format string, args ...any) {
	c.Total++
	if len(c.Problems) < maxListed {
		c.Problems = append(c.Problems, Difference{key, version, fmt.Sprintf(format, args...)})
	}
}

// CheckStorage tells, without the repository's password, whether a bucket is
// complete: every object of the last verified state is still current, no
// object of a restic repository has been overwritten by something else (restic
// never does that), and, if they are to be read, the objects hash to their
// names. Of a moment given, it tells whether all its versions are there.
func (s *Store) CheckStorage(ctx context.Context, bucket string, opts CheckStorageOptions) (*StorageCheck, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	c := &StorageCheck{Bucket: bucket}
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	var p *plan
	var err error
	given := opts.Moment != Moment{}
	if given {
		var saved *SavedState
		if p, saved, err = s.planOf(ctx, bucket, opts.Moment, ev); err != nil {
			return nil, err
		}
		defer func() { p.close() }()
		v, err := s.verifyMoment(ctx, bucket, opts.Moment, p, saved, ev)
		if v == nil {
			return nil, err
		}
		for _, m := range v.Missing {
			c.problem(m.Key, m.VersionID, "%s", m.Reason)
		}
		for _, d := range v.Differences {
			c.problem(d.Key, d.VersionID, "%s", d.Reason)
		}
		c.Total = v.Total + v.TotalMissing
		c.State = saved
		c.Objects, c.Bytes = p.count, p.bytes
	} else {
		if p, err = s.lastVerified(ctx, bucket, c); err != nil {
			return nil, err
		}
		current, err := s.compareCurrent(ctx, bucket, p, c, ev)
		if p != nil {
			p.close()
		}
		if err != nil {
			return nil, err
		}
		p = current
		defer func() { p.close() }()
	}
	if opts.ReadPercent > 0 {
		if err := s.readObjects(ctx, bucket, p, opts, c, ev); err != nil {
			return nil, err
		}
	}
	c.OK = c.Total == 0
	if c.OK && opts.checked != nil {
		return c, opts.checked(p)
	}
	return c, nil
}

// lastVerified finds the newest state that the version history confirms. One
// that it contradicts on the way there is a problem of its own.
func (s *Store) lastVerified(ctx context.Context, bucket string, c *StorageCheck) (*plan, error) {
	states, err := s.States(ctx, bucket)
	if err != nil {
		return nil, err
	}
	for group := range newestFirst(states) {
		plans, err := s.verifyStates(ctx, bucket, group, nil)
		if err != nil {
			return nil, err
		}
		defer plans.close()
		for i, st := range group {
			switch {
			case errors.Is(st.Unreadable, errForeignState): // came here with a restore
			case st.Unreadable != nil:
				c.problem(st.Key, st.VersionID, "%v", st.Unreadable)
			case st.Verification.Status == Verified:
				c.State = st
				p := plans[i]
				plans[i] = nil // the caller closes it
				return p, nil
			case st.Verification.Status == Differs:
				c.problem(st.Key, st.VersionID, "the state disagrees with the version history in %d places",
					st.Verification.Total+st.Verification.TotalMissing)
			}
		}
	}
	return nil, nil
}

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
	var top Version // the key's newest object version
	err = s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if v.Key == top.Key && !v.DeleteMarker {
				if resticID(v.Key) != "" && (v.Size != top.Size || plainETag(v.ETag) && plainETag(top.ETag) && bareETag(v.ETag) != bareETag(top.ETag)) {
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
	return current, nil
}

func sameContent(o *planned, v *Version) bool {
	return o.Size == v.Size && plainETag(o.ETag) && bareETag(o.ETag) == bareETag(v.ETag)
}

// partOfRepository leaves out what comes and goes: locks and saved states.
func partOfRepository(key string) bool {
	return !strings.HasPrefix(key, "locks/") && !strings.HasPrefix(key, "rwm/")
}

// readObjects reads objects and compares their bytes with what they must be.
func (s *Store) readObjects(ctx context.Context, bucket string, p *plan, opts CheckStorageOptions, c *StorageCheck, ev *reporter) error {
	r, err := p.reader()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan planned)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var bytes int64
	for range min(s.parallel, 16) {
		wg.Go(func() {
			for o := range work {
				if ctx.Err() != nil {
					continue
				}
				_, err := s.fetchChecked(ctx, bucket, o, io.Discard)
				mu.Lock()
				c.Read++
				bytes += o.Size
				switch {
				case err == nil:
				case errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoState):
					c.problem(o.Key, o.VersionID, "%v", err)
				case ctx.Err() == nil:
					cancel(err)
				}
				ev.emit(CopyProgress{Objects: c.Read, TotalObjects: p.count, Bytes: bytes, TotalBytes: p.bytes})
				mu.Unlock()
			}
		})
	}
	for ctx.Err() == nil {
		o, rerr := r.next()
		if rerr != nil {
			if rerr != io.EOF {
				err = rerr
			}
			break
		}
		if rand.Float64()*100 >= opts.ReadPercent || opts.LeavePacks && TypeOf(o.Key) == TypePack {
			continue
		}
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
