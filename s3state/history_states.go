package s3state

import (
	"context"
)

// judgeStates compares the newest n saved states with the history, and then those
// that LastGoodState could name, until one is confirmed or these are too many. Those
// known to agree with the history are not read again.
func (s *Store) judgeStates(ctx context.Context, bucket string, h *timeline, n int, known *Known) error {
	const rounds = 4
	known.beginStates(h.res.States)
	defer known.knownStates().end()
	h.confirmed = true
	states := h.res.States
	for round := range rounds + 1 {
		h.sum()
		end := len(states)
		if round > 0 {
			if h.res.LastGoodState != nil {
				return nil
			}
			for end > 0 && (!h.res.before(states[end-1].Time) || states[end-1].compared()) {
				end--
			}
			if end == 0 || endOf(states[end-1].Time).Before(h.res.LastGood) {
				return nil // none was saved at that moment
			}
			n = verifyAtOnce
		}
		todo := states[max(end-n, 0):end]
		may, err := s.compareStates(ctx, bucket, todo, known)
		if err != nil || !may {
			return err
		}
		for i := range todo {
			h.judgeState(&todo[i])
		}
	}
	return nil
}

func (h *timeline) judgeState(st *SavedState) {
	switch {
	case st.ofNoConcern():
	case st.Unreadable != nil:
		h.suspect(Suspicion{Time: st.Time, Key: st.Key, VersionID: st.VersionID, Reason: "it cannot be read as a saved state"})
	case st.Verification.Status == Differs:
		h.suspect(Suspicion{
			Time: st.Time, Key: st.Key, VersionID: st.VersionID,
			Reason: "the version history contradicts this saved state" + st.Verification.first(),
		})
	}
}

// compareStates is verifyStates for the states with unknown outcome.
func (s *Store) compareStates(ctx context.Context, bucket string, states []SavedState, known *Known) (may bool, err error) {
	var rest []SavedState
	var at []int
	for i := range states {
		if states[i].Verification = known.state(&states[i]); states[i].Verification == nil {
			rest, at = append(rest, states[i]), append(at, i)
		}
	}
	may, err = s.verifyStates(ctx, bucket, rest)
	for i := range rest {
		states[at[i]] = rest[i]
		if err == nil && may {
			known.putState(&rest[i])
		}
	}
	return may, err
}
