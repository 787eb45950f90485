package s3state

import (
	"context"
	"errors"
	"fmt"
)

// verifyAtOnce is how many states are compared with one listing at most. Each
// waits in a spool meanwhile.
const verifyAtOnce = 16

// eachState compares saved states with the version history, the newest of the sorted
// list first, and gives each to fn, with the outcome noted in it (Verification, or
// Unreadable) and its plan, which is nil if it is unreadable. fn may keep the plan by
// setting it to nil, and ends the matter by returning false.
//
// A state that the server does not give out is unreadable; if that is so for all of
// them, the caller may not read versions and the error is the first one's.
func (s *Store) eachState(ctx context.Context, bucket string, states []SavedState, fn func(st *SavedState, p **plan) (more bool, err error)) error {
	var denied error
	readable := false
	// The newest alone is mostly enough.
	for n, size := len(states), 1; n > 0; n, size = n-size, verifyAtOnce {
		size = min(size, n)
		var group []*SavedState
		for i := range size {
			group = append(group, &states[n-1-i])
		}
		more, err := s.verifyGroup(ctx, bucket, group, func(st *SavedState, p **plan) (bool, error) {
			if refusedAlone(st.Unreadable) {
				denied = errors.Join(denied, st.Unreadable)
			} else {
				readable = true
			}
			return fn(st, p)
		})
		if err != nil || !more {
			return err
		}
	}
	if !readable && denied != nil {
		return denied
	}
	return nil
}

func (s *Store) verifyGroup(ctx context.Context, bucket string, states []*SavedState, fn func(*SavedState, **plan) (bool, error)) (more bool, err error) {
	plans := make([]*plan, len(states))
	defer func() {
		for _, p := range plans {
			if p != nil {
				p.close()
			}
		}
	}()
	verifiers := make([]*verifier, len(states))
	compare := false
	for i, st := range states {
		st.Verification, st.Unreadable = nil, nil
		plans[i], _, err = s.loadPlan(ctx, bucket, st.Key, st.VersionID)
		if errors.Is(err, ErrBadState) || refusedAlone(err) {
			st.Unreadable = err
			continue
		}
		if err != nil {
			return false, err
		}
		if verifiers[i], err = newVerifier(plans[i], st.Time); err != nil {
			return false, err
		}
		compare = true
	}
	if compare {
		err = s.listVersions(ctx, bucket, "", nil, func(entries []Version) error {
			for _, v := range verifiers {
				if v == nil {
					continue
				}
				if err := v.take(entries); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	for i, st := range states {
		if v := verifiers[i]; v != nil {
			if st.Verification, err = v.end(); err != nil {
				return false, err
			}
			plans[i].drop(v.gone)
		}
		if more, err := fn(st, &plans[i]); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// verifyStates compares sorted states with the version history. It reports false if the caller may not read versions, as a host may not; then
// nothing is noted in the states.
func (s *Store) verifyStates(ctx context.Context, bucket string, states []SavedState) (may bool, err error) {
	err = s.eachState(ctx, bucket, states, func(*SavedState, **plan) (bool, error) { return true, nil })
	if refusedAlone(err) {
		for i := range states {
			states[i].Unreadable = nil
		}
		return false, nil
	}
	return true, err
}

// judgeStates compares the newest n saved states with the history, and then those
// that LastGoodState could name, until one is confirmed or these are too many.
func (s *Store) judgeStates(ctx context.Context, bucket string, h *historian, n int) error {
	const rounds = 4
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
			if end == 0 || states[end-1].Time.Before(h.res.LastGood) {
				return nil // none was saved at that moment
			}
			n = verifyAtOnce
		}
		todo := states[max(end-n, 0):end]
		may, err := s.verifyStates(ctx, bucket, todo)
		if err != nil || !may {
			return err
		}
		for i := range todo {
			h.judgeState(&todo[i])
		}
	}
	return nil
}

func (st *SavedState) compared() bool { return st.Verification != nil || st.Unreadable != nil }

func (h *historian) judgeState(st *SavedState) {
	switch {
	case errors.Is(st.Unreadable, errForeignState): // came here with a restore
	case st.Unreadable != nil:
		h.suspect(Suspicion{st.Time, st.Key, st.VersionID, "it is no saved state that can be read"})
	case st.Verification.Status == Differs:
		h.suspect(Suspicion{st.Time, st.Key, st.VersionID, fmt.Sprintf("the version history contradicts this saved state%s", st.Verification.first())})
	}
}
