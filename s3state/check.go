package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
)

var (
	// ErrUnconfirmed means that nothing proves the storage complete.
	ErrUnconfirmed = errors.New("cannot confirm that the storage is complete")
	// ErrStorageIncomplete means that something is missing or wrong. It is an
	// ErrUnconfirmed, too.
	ErrStorageIncomplete = s3err.Kind("the storage is not complete", ErrUnconfirmed)
)

// CheckStorageOptions configures CheckStorage.
type CheckStorageOptions struct {
	// Moment to check. The zero Moment compares the current objects with the last
	// verified state.
	Moment Moment
	// ReadPercent of the objects are read, and their bytes compared with their
	// names or ETags. 100 for all, 0 for none.
	ReadPercent float64
	// LeavePacks reads no packs: the caller does, with the repository's password.
	LeavePacks bool
	// Whole says that the caller has proved the current objects whole. That settles
	// marks, see StorageCheck.Suspicious, and what was deleted or replaced since the
	// last verified state does not count as missing. It does not set OK.
	Whole bool
	// ReviewedUntil: see HistoryOptions.
	ReviewedUntil time.Time
	OnEvent       func(Event)
}

// StorageCheck is what CheckStorage found.
type StorageCheck struct {
	Bucket string
	// OK reports that nothing is wrong and that the repository was proved. Without its
	// password OK is never set, see Proof and Complete, unless there never was a
	// repository.
	OK       bool
	Proof    Proof
	Problems []Difference // at most the first 1000
	Total    int
	// Lapse is set for a Moment whose versions the bucket's own lifecycle rule may have
	// removed in part since. OK is not set then.
	Lapse *Lapse
	// State is the state that the bucket was compared with. It is nil if no state can
	// be verified; then only damage that shows without a state was looked for.
	State          *SavedState
	Objects, Bytes int64
	// Read counts the objects whose bytes were read. With LeavePacks and a ReadPercent
	// it leaves the packs to the caller, who reads and counts them.
	Read int64
	// Suspicious counts what History marks, by the listing alone unless DropVersions
	// made the check; FirstSuspicion is the first. Suspicions do not make the storage
	// incomplete: a state does not miss what was deleted before it was saved.
	Suspicious     int
	FirstSuspicion *Suspicion
	// AtPrefixes are the prefixes at which there are or were repositories. Nothing of
	// them is proved: OK is about the one at the bucket's root, and is not set if there
	// is none.
	AtPrefixes []string

	whole    bool // the caller has proved it
	since    int  // deletions since State was saved
	replaced int  // problems that a proof of what is current settles, as a migration
	empty    bool // the bucket never held anything
	keysGone bool // none of the repository's oldest keys is left
}

// Complete reports whether nothing was found wrong, whether or not it was proved.
func (c *StorageCheck) Complete() bool { return c.Total == 0 }

// Err is nil if nothing was found wrong, whether or not it was proved; else an error
// that names the first problem and wraps ErrStorageIncomplete.
func (c *StorageCheck) Err() error {
	if c.Complete() {
		return nil
	}
	first := ""
	if len(c.Problems) > 0 {
		first = ", the first: " + strings.TrimPrefix(c.Problems[0].Key+": "+c.Problems[0].Reason, ": ")
	}
	return fmt.Errorf("bucket %s: %w: %s%s", c.Bucket, ErrStorageIncomplete, plural.Of(c.Total, "problem"), first)
}

// decide sets OK.
func (c *StorageCheck) decide(h *timeline) {
	c.Proof = Proof{Verdict: NotProved, Reason: NoPassword}
	repository := h == nil || h.repository // of a moment, there may be one
	if !repository {
		c.Proof.Reason = h.noRepository()
	}
	if c.Lapse != nil {
		c.Proof.Reason = c.Lapse.String()
	}
	if h != nil {
		c.AtPrefixes = h.prefixes.names()
	}
	c.OK = c.Complete() && !repository && len(c.AtPrefixes) == 0 && c.Lapse == nil
}

func (c *StorageCheck) suspicions(h *timeline) {
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

// CheckStorage checks without the repository's password whether a bucket is complete:
// every object of the last verified state is still current, what was written more than
// once is what its name says (it is always read), and so are the other objects that are
// read. For a given Moment it checks that all its versions
// are still there.
//
// If it finds something wrong it returns the result together with an error, that of
// [StorageCheck.Err]. No error means that nothing was found, not that all was proved:
// OK says that.
func (s *Store) CheckStorage(ctx context.Context, bucket string, opts CheckStorageOptions) (*StorageCheck, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	var found *StorageCheck
	err := looks(rep, bucket, func(last bool) (err error) {
		found, err = s.checkStorage(ctx, bucket, opts, last, rep)
		return err
	})
	return found, err
}

// checkStorage is CheckStorage on one listing. It returns errVanished if that is
// outdated, unless this is the last look or a moment was given: that lacks then what
// was removed.
func (s *Store) checkStorage(ctx context.Context, bucket string, opts CheckStorageOptions, last bool, rep *reporter) (*StorageCheck, error) {
	c := &StorageCheck{Bucket: bucket, whole: opts.Whole}
	var p, again *manifest
	var err error
	var h *timeline
	given := opts.Moment != Moment{}
	if given {
		var saved *SavedState
		if p, saved, err = s.manifestOf(ctx, bucket, opts.Moment, rep); err != nil {
			return nil, err
		}
		defer p.close()
		v, err := s.verifyMoment(ctx, bucket, opts.Moment, p, saved, rep)
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
		c.Lapse = v.Lapse
	} else {
		now, err := s.checkCurrent(ctx, bucket, c, false, rep)
		if err != nil {
			return nil, err
		}
		defer now.close()
		if err := s.readAgain(ctx, bucket, now, opts, c, last, rep); err != nil {
			return nil, err
		}
		if opts.Whole {
			now.h.good, now.h.proving = now.h.newest, true
		}
		now.h.reviewed = opts.ReviewedUntil
		now.h.sum()
		c.suspicions(now.h)
		p, again, h = now.manifest, now.again, now.h
	}
	if opts.ReadPercent > 0 {
		if err := s.readSome(ctx, bucket, p, again, opts, c, last || given, rep); err != nil {
			return nil, err
		}
	}
	c.decide(h)
	return c, c.Err()
}

// lastVerified finds the newest state that the version history confirms. A newer state
// that the history contradicts is a problem.
func (s *Store) lastVerified(ctx context.Context, bucket string, c *StorageCheck) (*manifest, error) {
	states, err := s.States(ctx, bucket)
	if err != nil {
		return nil, err
	}
	const most = 200 // looked at without a result
	var found *manifest
	looked := 0
	err = s.eachState(ctx, bucket, states, 1, func(st *SavedState, p **manifest) (bool, error) {
		v := st.Verification
		st.Verification = nil // kept for many states it would need much memory
		switch {
		case st.ofNoConcern():
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
