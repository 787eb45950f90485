package s3state

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// verifyAtOnce bounds how many states are compared with one listing, each in a spool.
const verifyAtOnce = 16

// eachState compares saved states with the version history, the newest of the sorted
// list first, and gives each to fn, with the outcome noted in it (Verification, or
// Unreadable) and its manifest, which is nil if it is unreadable. fn may keep the
// manifest by setting it to nil, and stops eachState by returning false. first is how
// many are compared with the first listing: one, if the newest is mostly enough.
//
// A state that the server refuses to return is unreadable. If it refuses all of them,
// the caller may not read versions, and eachState returns those errors.
func (s *Store) eachState(ctx context.Context, bucket string, states []SavedState, first int, fn func(st *SavedState, p **manifest) (more bool, err error)) error {
	var denied error
	readable, r := false, &ownRule{s: s, bucket: bucket}
	for n, size := len(states), first; n > 0; n, size = n-size, verifyAtOnce {
		size = min(size, n)
		var group []*SavedState
		for i := range size {
			group = append(group, &states[n-1-i])
		}
		more, err := s.verifyGroup(ctx, bucket, r, group, func(st *SavedState, p **manifest) (bool, error) {
			switch {
			case errors.Is(st.Unreadable, errGone):
			case refusedAlone(st.Unreadable):
				denied = errors.Join(denied, st.Unreadable)
			default:
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

func (s *Store) verifyGroup(ctx context.Context, bucket string, r *ownRule, states []*SavedState, fn func(*SavedState, **manifest) (bool, error)) (more bool, err error) {
	manifests := make([]*manifest, len(states))
	defer func() {
		for _, p := range manifests {
			if p != nil {
				p.close()
			}
		}
	}()
	verifiers := make([]*verifier, len(states))
	compare := false
	for i, st := range states {
		st.Verification, st.Unreadable = nil, nil
		manifests[i], err = s.loadListed(ctx, st)
		if errors.Is(err, ErrNoState) {
			gone, listErr := s.gone(ctx, bucket, st.Key, st.VersionID)
			if listErr != nil {
				return false, listErr
			}
			if gone {
				err = errGone
			}
			st.Unreadable = err
			continue
		}
		if errors.Is(err, ErrBadState) || refusedAlone(err) {
			st.Unreadable = err
			continue
		}
		if err != nil {
			return false, err
		}
		if verifiers[i], err = newVerifier(manifests[i], st, r.explain(ctx, st)); err != nil {
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
			manifests[i].drop(v.gone)
		}
		if more, err := fn(st, &manifests[i]); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// errGone is the error of a state that was removed for good after it was listed, by a
// lifecycle rule or an admin, as only they can: had it been listed now, it would not be
// among the states.
var errGone = fmt.Errorf("%w any more: it was removed meanwhile", ErrNoState)

// ofNoConcern reports whether a state cannot be read for a reason that is no fault: a
// restore copied it here, or it is no longer there.
func (st *SavedState) ofNoConcern() bool {
	return errors.Is(st.Unreadable, errForeignState) || errors.Is(st.Unreadable, errGone)
}

// verifyStates compares sorted states with the version history. It reports false if the
// caller may not read versions, as a host may not; then nothing is noted in the states.
func (s *Store) verifyStates(ctx context.Context, bucket string, states []SavedState) (may bool, err error) {
	err = s.eachState(ctx, bucket, states, verifyAtOnce, func(*SavedState, **manifest) (bool, error) { return true, nil })
	if refusedAlone(err) {
		for i := range states {
			states[i].Unreadable = nil
		}
		return false, nil
	}
	return true, err
}

// statesToVerify is what the options VerifyStates and NoVerify mean.
func statesToVerify(n int, none bool) int {
	switch {
	case none:
		return 0
	case n == 0:
		return 10
	case n < 0:
		return math.MaxInt
	}
	return n
}
