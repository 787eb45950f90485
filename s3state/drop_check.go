package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
)

// checkBeforeDrop checks that nothing speaks against removing what is old. One listing
// decides everything, and what was current in it is kept whatever happens later. It
// returns errVanished if that listing is outdated, unless this is the last look.
func (s *Store) checkBeforeDrop(ctx context.Context, bucket string, opts DropOptions, keep *keepSet, last bool, rep *reporter) (*StorageCheck, error) {
	c := &StorageCheck{Bucket: bucket}
	now, err := s.checkCurrent(ctx, bucket, c, !opts.Reviewed, rep)
	if err != nil {
		return c, err
	}
	defer now.close()
	if err := s.readAgain(ctx, bucket, now, CheckStorageOptions{}, c, last, rep); err != nil {
		return c, err
	}
	c.decide(now.h)
	incomplete := func() error {
		return fmt.Errorf("%w: %s (%s)", ErrStorageIncomplete, c.Problems[0], plural.Of(c.Total, "problem"))
	}
	if c.Total > c.since+c.replaced {
		return c, incomplete()
	}
	whole := false
	if opts.Confirm != nil {
		view, err := viewOf(bucket, now.manifest)
		if err != nil {
			return c, err
		}
		if whole, err = opts.Confirm(ctx, view); err != nil {
			return c, err
		}
	}
	if !whole && c.replaced > 0 {
		return c, incomplete()
	}
	if whole {
		c.Proof = Proof{Verdict: Proved}
		c.OK = c.Complete()
		// The proof of what is current settles what it can settle.
		now.h.good, now.h.proving = now.h.newest, true
		now.h.sum()
	}
	if !opts.Reviewed {
		history := HistoryOptions{Inspector: opts.Inspector, Measure: opts.Measure, ReviewedUntil: opts.ReviewedUntil, ReadAll: true}
		now.h.reviewed = opts.ReviewedUntil
		if err := s.judge(ctx, bucket, now.h, nil, history, last, rep); err != nil {
			return c, err
		}
		c.suspicions(now.h)
		if err := c.doubts(whole, now.h.repository); err != nil {
			return c, err
		}
		if err := now.h.prefixes.doubt(opts.ReviewedUntil); err != nil {
			return c, err
		}
	}
	return c, keep.addCurrent(now.manifest)
}

// ErrNotProved means that it could not be determined whether the repository holds
// together: its password was not given, or the proof did not get to its end. The error
// of DropVersions is an ErrUnconfirmed, too.
var ErrNotProved = s3err.ErrNotProved

var errNoPassword = s3err.Kind("not proved: "+NoPassword, errors.Join(ErrUnconfirmed, ErrNotProved))

// doubts returns what has to be reviewed first. whole says that the owner has confirmed
// the current objects, so whatever restic deleted was no longer needed.
func (c *StorageCheck) doubts(whole, repository bool) error {
	switch {
	case c.Suspicious > 0:
		return fmt.Errorf("%w: its history shows what no run of restic does (%d in all), first %s", ErrUnconfirmed, c.Suspicious, c.FirstSuspicion)
	case whole, c.empty:
	case repository:
		return fmt.Errorf("%w, and without it nobody can tell whether the repository lacks what would be removed for good%s: "+
			"give the repository's password, or look at the history and say that you have reviewed it", errNoPassword, c.gone())
	case c.since > 0:
		return fmt.Errorf("%w: %s %s deleted since the last verified state was saved; if that was meant, save a state first", ErrUnconfirmed, plural.Of(c.since, "object"), plural.Were(c.since))
	case c.State == nil:
		return fmt.Errorf("%w: there is no saved state that the version history confirms", ErrUnconfirmed)
	}
	return nil
}

// gone is what else speaks against removing anything, for the middle of a sentence.
func (c *StorageCheck) gone() string {
	var doubts []string
	if c.since > 0 {
		doubts = append(doubts, fmt.Sprintf("%s %s deleted since the last verified state was saved", plural.Of(c.since, "object"), plural.Were(c.since)))
	}
	if c.State == nil {
		doubts = append(doubts, "no saved state is confirmed by the version history")
	}
	if c.keysGone {
		doubts = append(doubts, "all keys that it has are newer than one that was deleted")
	}
	if len(doubts) == 0 {
		return ""
	}
	return " (" + strings.Join(doubts, ", ") + ")"
}
