package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	// Suspicious counts what History marks, FirstSuspicion is the first of it: by the
	// listing alone, unless the check was made by DropVersions. It does not make the
	// storage incomplete: what was deleted before the last state was saved is not
	// missed by that state.
	Suspicious     int
	FirstSuspicion *Suspicion

	since    int  // problems that are deletions since State was saved
	empty    bool // there never was anything in the bucket
	keysGone bool // none of the repository's oldest keys is left
}

func (c *StorageCheck) suspicions(h *historian) {
	if c.Suspicious = h.res.Total; c.Suspicious > 0 {
		c.FirstSuspicion = &h.res.Suspicions[0]
	}
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
		defer p.close()
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
		now, err := s.checkCurrent(ctx, bucket, c, ev)
		if err != nil {
			return nil, err
		}
		defer now.close()
		p = now.plan
	}
	if opts.ReadPercent > 0 {
		if err := s.readObjects(ctx, bucket, p, opts, c, ev); err != nil {
			return nil, err
		}
	}
	c.OK = c.Total == 0
	return c, nil
}

// lastVerified finds the newest state that the version history confirms. One
// that it contradicts on the way there is a problem of its own.
func (s *Store) lastVerified(ctx context.Context, bucket string, c *StorageCheck) (*plan, error) {
	states, err := s.States(ctx, bucket)
	if err != nil {
		return nil, err
	}
	const most = 200 // that are not the ones looked for
	var found *plan
	looked := 0
	err = s.eachState(ctx, bucket, states, func(st *SavedState, p **plan) (bool, error) {
		v := st.Verification
		st.Verification = nil // of many states this would be much
		switch {
		case errors.Is(st.Unreadable, errForeignState): // came here with a restore
		case st.Unreadable != nil:
			c.problem(st.Key, st.VersionID, "%v", st.Unreadable)
		case v.Status == Verified:
			st.Verification = v
			c.State, found = st, *p
			*p = nil // the caller closes it
			return false, nil
		case v.Status == Differs:
			c.problem(st.Key, st.VersionID, "the state disagrees with the version history in %d places", v.Total+v.TotalMissing)
		}
		if looked++; looked == most {
			c.problem("", "", "none of the newest %d saved states is confirmed by the version history; older ones were not looked at", most)
			return false, nil
		}
		return true, nil
	})
	return found, err
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
	var bytes, refused int64
	var refusal error
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
				case errors.Is(err, ErrCorrupt):
					c.problem(o.Key, o.VersionID, "%v", err)
				case refusedAlone(err):
					refused++
					refusal = err
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
	if err == nil && refused > 0 && refused == c.Read {
		return refusal // it is the caller who may not read
	}
	return err
}
