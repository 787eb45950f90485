package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/cesnet/rwm/s3state"
)

func (s *managed) Policy(ctx context.Context) (*PolicyResult, error) {
	c, err := s.m.Storage().CheckPolicy(ctx, s.bucket)
	if err != nil {
		return nil, err
	}
	r := &PolicyResult{OK: c.OK, Problems: c.Problems}
	s.lock = nil
	l, err := s.m.Storage().Lock(ctx, s.bucket)
	switch {
	case errors.Is(err, s3state.ErrNotLocked):
	case err != nil:
		r.Unknown = "whether it is locked could not be read: " + err.Error()
	case l.Enabled:
		r.Locked, r.KeepsSeconds = true, l.Promise().Seconds()
		if len(l.Problems) == 0 {
			s.lock = l
		}
		r.OK = r.OK && len(l.Problems) == 0
		r.Problems = append(slices.Clone(r.Problems), l.Problems...)
	}
	var seen s3state.KnownSettings
	if err := s.m.Storage().LookAtSettings(ctx, s.bucket, &seen); err != nil {
		return nil, err
	}
	r.Settings = seen.Settings
	return r, nil
}

func (s *managed) Access(ctx context.Context) (*AccessResult, error) {
	if s.host == nil {
		return nil, errors.New("the host's keys are not configured")
	}
	a, err := s.host.Storage().Access(ctx, s.bucket, s3state.AccessOptions{As: s3state.RoleHost, Quick: true})
	if err != nil {
		return nil, err
	}
	if open := a.Unproved(); open != nil {
		return nil, fmt.Errorf("the server did not answer some attempts (%s)", strings.Join(open, ", "))
	}
	r := &AccessResult{OK: a.OK}
	for _, one := range a.Results {
		if one.Harm || one.Outcome != one.Expected {
			r.Harm = append(r.Harm, one.Action)
		}
	}
	return r, nil
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// mostMarks is how many are kept.
const mostMarks = 50

func (s *managed) History(ctx context.Context, reviewed time.Time) (*HistoryResult, error) {
	s.takeNotes()
	listing := s.listing
	s.listing = nil
	h, err := s.m.History(ctx, s.bucket, s3state.HistoryOptions{ReviewedUntil: reviewed, Listing: listing})
	if err != nil {
		return nil, err
	}
	r := &HistoryResult{Total: h.Total, LastGood: h.LastGood, Unread: h.Unread, Notes: s.takeNotes()}
	if !h.Proof.At.IsZero() && s.password != "" {
		r.Proof = proofFrom(&h.Proof, h.Proof.At)
	}
	for i, m := range h.Suspicions {
		// Keep the first ones and the newest: a review covers everything up to a time.
		if len(r.Marks) < mostMarks || i == len(h.Suspicions)-1 {
			r.Marks = append(r.Marks, Mark{Time: m.Time, Key: shown(m.Key), Reason: shown(m.Reason)})
		}
	}
	for _, m := range h.Notes[:min(len(h.Notes), mostMarks)] {
		r.Settled = append(r.Settled, Mark{m.Time, shown(m.Key), shown(m.Reason), m.Standing})
	}
	for i := range h.States {
		r.States = append(r.States, h.States[i].Time)
	}
	for _, st := range h.Steps {
		one := HistoryStep{From: st.From, To: st.To, Marks: st.Suspicions, What: s3state.DescribeCounts(st.Counts, size)}
		for _, c := range st.Counts {
			if c.Change == s3state.Deleted {
				one.Deleted += c.N
			} else {
				one.Written, one.Bytes = one.Written+c.N, one.Bytes+c.Bytes
			}
		}
		r.Steps = append(r.Steps, one)
	}
	return r, nil
}
