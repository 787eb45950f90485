package histories

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// drop is the admin's reclaiming of space in honest use.
func drop(w *world) error {
	opts := w.keeping()
	opts.RequireComplete = true
	return w.drop(w.password, opts, nil)
}

// keeping are options of which all keep something.
func (w *world) keeping() (o s3state.DropOptions) {
	o.KeepStates = one(w, []int{0, 0, 1, 2, -1})
	if n := len(w.truth.moments); n > 0 && w.r.IntN(3) > 0 {
		o.KeepWithin = w.now().Sub(one(w, w.truth.moments).at) + time.Duration(w.r.IntN(120))*time.Second
	}
	return o
}

var errLoss = errors.New("BYTES LOST by drop-versions")

// drop drops versions and sees that what was to be kept is there. What was not is no
// longer a moment to return to.
func (w *world) drop(password string, opts s3state.DropOptions, wrecked error) error {
	opts.ReviewedUntil = w.reviewed
	before, began := w.current(), w.now()
	couldKeep := opts.KeepStates != 0 && password != "" && w.goodState()
	res, err := w.dropper(password).DropVersions(w.ctx, w.bucket, opts)
	w.note("   drop (password: %v, reviewed: %v, keep states %d, within %v): %v", password != "", opts.Reviewed, opts.KeepStates, opts.KeepWithin, err)
	if err != nil {
		return err
	}
	if wrecked != nil && !opts.Reviewed {
		return fmt.Errorf("%w: all but what is current, and that is not whole: %w", errLoss, wrecked)
	}
	if lost := w.gone(before); len(lost) > 0 {
		return fmt.Errorf("%w: current objects: %q", errLoss, lost)
	}
	if opts.KeepWithin > 0 {
		w.forgetBefore(began.Add(-opts.KeepWithin).Add(time.Second))
	} else {
		w.truth.moments = nil
	}
	if err := w.allThere(harness.Size(2, 5)); err != nil {
		return fmt.Errorf("%w: %w", errLoss, err)
	}
	return w.statesThere(res, couldKeep)
}

// goodState reports whether there is a saved state of a time at which all was well.
func (w *world) goodState() bool {
	return slices.ContainsFunc(w.truth.moments, func(m moment) bool { return m.state && m.password == w.password })
}

// dropper is the admin, while an attacker may be at work.
func (w *world) dropper(password string) *rwm.Manager {
	if w.truth.attack.IsZero() || w.r.IntN(2) == 0 {
		return w.manages(password)
	}
	hook := &on{base: w.base, method: one(w, []string{http.MethodGet, http.MethodPost, http.MethodPut}), part: "/" + w.bucket}
	hook.after.Store(int32(w.r.IntN(40)))
	hook.do = func() error {
		w.note("   ATTACK while versions are dropped")
		w.removeSome()
		return w.overwriteSome()
	}
	return w.manager(w.srv.Admin, password, 0, through{rt: hook})
}

// allThere compares n of the moments with the truth.
func (w *world) allThere(most int) error {
	list := w.truth.moments
	for _, i := range w.r.Perm(len(list))[:min(most, len(list))] {
		if err := w.stillThere(&list[i]); err != nil {
			return fmt.Errorf("the moment %v, after %q: %w", list[i].at, list[i].what, err)
		}
	}
	return nil
}

// statesThere opens the states that were kept of honest times. One that is good must be
// among those kept, if there was one.
func (w *world) statesThere(res *s3state.DropResult, couldKeep bool) error {
	kept := false
	for i := range res.Kept {
		st := &res.Kept[i]
		if password := w.passwordAt(st.Time); password != "" {
			if err := w.stateGood(st, password); err != nil {
				return fmt.Errorf("%w: the state %s was kept: %w", errLoss, st.Key, err)
			}
		}
		kept = kept || couldKeep && w.stateGood(st, w.password) == nil
	}
	if couldKeep && !kept {
		return fmt.Errorf("%w: none of the %d states that were kept is good", errLoss, len(res.Kept))
	}
	return nil
}

// passwordAt is the password at a moment at which all was well; "" if that is not
// known.
func (w *world) passwordAt(at time.Time) string {
	for i := range w.truth.moments {
		if m := &w.truth.moments[i]; !at.Before(m.at) && at.Before(m.until.Add(-time.Second)) {
			return m.password
		}
	}
	return ""
}

// judgeDrop drops versions as an admin would who has looked at nothing, and if that is
// refused as one who has.
func (w *world) judgeDrop(wrecked error) {
	opts := w.keeping()
	opts.RequireComplete = true
	err := w.drop(w.password, opts, wrecked)
	switch {
	case errors.Is(err, errLoss):
		w.Error(err)
		return
	case err == nil:
		return
	case w.truth.attack.IsZero():
		w.Errorf("FALSE ALARM: drop: %v", err)
		return
	case !errors.Is(err, s3state.ErrUnconfirmed):
		w.note("   refused otherwise: %v", err)
	}
	opts = w.keeping()
	opts.RequireComplete, opts.Reviewed = w.r.IntN(2) == 0, true
	if opts.KeepWithin == 0 {
		opts.KeepWithin = w.now().Sub(w.truth.moments[0].at) + time.Minute
	}
	if err := w.drop(one(w, []string{w.password, ""}), opts, wrecked); errors.Is(err, errLoss) {
		w.Error(err)
	}
}
