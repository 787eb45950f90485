package s3state

import (
	"context"
	"errors"
	"fmt"
)

// holdLastState makes LastGoodState a state that names what was proved. The history
// confirms every state that names what the server listed then, and that need not be
// what was proved: an upload in parts counts from when it was begun, and what is
// written while a state is saved may be in it or not. Without a Prover it is left as it
// is: a drop has proved what is current in its own way, and names no state.
func (h *timeline) holdLastState(ctx context.Context, p *search, known *Known) error {
	known.heldStates().begin()
	defer known.heldStates().end()
	for p.prover != nil && h.res.LastGoodState != nil {
		holds, err := p.holds(ctx, h, h.res.LastGoodState, known)
		if err != nil || holds {
			return err
		}
		h.unheld[h.res.LastGoodState] = true
		h.lastGood()
	}
	return nil
}

// holds reports whether a state names the versions of the moment that was proved, or
// is proved itself.
func (p *search) holds(ctx context.Context, h *timeline, st *SavedState, known *Known) (bool, error) {
	if known, _ := known.heldStates().get(stateVersionName(st)); known {
		return true, nil
	}
	moment, err := p.view(ctx, h.res.LastGood)
	if err != nil {
		return false, err
	}
	list, _, err := p.s.loadManifest(ctx, p.bucket, st.Key, st.VersionID)
	if refusedAlone(err) || errors.Is(err, ErrBadState) {
		return false, nil // it went meanwhile, or was archived
	}
	if err != nil {
		return false, err
	}
	defer list.close()
	same, err := namesAll(list, moment)
	if err == nil && !same {
		same, err = p.provesState(ctx, h, st, list)
	}
	if err == nil && same {
		known.heldStates().put(stateVersionName(st), true)
	}
	return same, err
}

// namesAll reports whether a list names the versions of the repository in a view, and
// no others.
func namesAll(list *manifest, view *View) (bool, error) {
	left := 0
	for o := range view.All("") {
		if partOfRepository(o.Key) {
			left++
		}
	}
	same := true
	err := list.each(func(e entry) error {
		if partOfRepository(e.Key) {
			o, ok := view.Get(e.Key)
			same = same && ok && o.VersionID == e.VersionID
			left--
		}
		return nil
	})
	return same && left == 0, err
}

func (p *search) provesState(ctx context.Context, h *timeline, st *SavedState, list *manifest) (bool, error) {
	view, err := viewOf(p.bucket, list)
	if err != nil {
		return false, err
	}
	view.Time, view.Moment = st.Time, Moment{StateKey: st.Key, StateVersion: st.VersionID}
	proof, err := p.proof(ctx, h, view)
	if err != nil {
		return false, err
	}
	h.res.Proof.Tried, h.res.Proof.Requests, h.res.Proof.Bytes = p.sum.Tried, p.sum.Requests, p.sum.Bytes
	p.said(fmt.Sprintf("prove the state %q", st.Key), proof)
	return proof.Verdict == Proved, nil
}
