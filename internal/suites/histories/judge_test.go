package histories

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// quietTime is what separates two runs for History, so that it can name the moment
// between them.
const quietTime = 10 * time.Minute

// judge compares what RWM says in the end with the truth.
func (w *world) judge() {
	w.pass(3 * time.Second)
	w.note("judge")
	wrecked := w.good(w.current(), w.password)
	w.note("   as it is now: %v", wrecked)
	if wrecked != nil && w.truth.attack.IsZero() {
		w.Fatalf("the history is not an honest one: %v", wrecked)
	}
	w.judgeStates()
	w.judgeHistory()
	w.judgeCheck(wrecked)
	w.judgeWithoutPassword()
	w.judgeDrop(wrecked)
}

func (w *world) judgeHistory() {
	h, err := w.manages(w.password).History(w.ctx, w.bucket, s3state.HistoryOptions{ReadAll: w.r.IntN(2) == 0, ReviewedUntil: w.reviewed, OnEvent: w.noteStep})
	if err != nil {
		w.Errorf("history: %v", err)
		return
	}
	w.note("   history: last good %s (%s %s), %d marks, %d notes", h.LastGood.UTC().Format("15:04:05.000"), h.Proof.Verdict, h.Proof.Reason, h.Total, h.TotalNotes)
	for _, s := range h.Suspicions {
		w.note("      %s %s", s.Time.UTC().Format("15:04:05.000"), s)
	}
	if h.LastGood.IsZero() != (h.Proof.Verdict != s3state.Proved) {
		w.Errorf("named good: %v, proof: %+v", h.LastGood, h.Proof)
	}
	if !h.LastGood.IsZero() {
		view := w.asOf(h.LastGood)
		if err := w.good(view, w.password); err != nil {
			w.Errorf("FALSE OK: %v was named good: %v", h.LastGood, err)
		}
		w.wasTrue(h.LastGood, view)
	}
	if st := h.LastGoodState; st != nil {
		if err := w.stateGood(st, w.password); err != nil {
			w.Errorf("FALSE OK: the state %s was named good: %v", st.Key, err)
		}
	}
	if w.truth.attack.IsZero() && h.Total > 0 {
		w.Errorf("FALSE ALARM: %d marks, first %s", h.Total, h.Suspicions[0])
	}
	w.foundLast(h.LastGood)
}

// noteStep says which moments were tried, and what was missing.
func (w *world) noteStep(e s3state.Event) {
	if step, is := e.(s3state.StepDone); is {
		w.note("      %s", step.Step)
	}
}

// wasTrue compares a moment named good, if it is one before any attack, with what there
// was.
func (w *world) wasTrue(at time.Time, view []restic.ObjectVersion) {
	for i := range w.truth.moments {
		m := &w.truth.moments[i]
		if !at.Before(m.at) && at.Before(m.until.Add(-time.Second)) && differ(view, m.objects) != "" {
			w.Errorf("FALSE OK: %v was named good, after %q, but %s", at, m.what, differ(view, m.objects))
		}
	}
}

// foundLast compares the moment named good with the last one that really was, and that
// could be named: a pause or a saved state came after it.
func (w *world) foundLast(named time.Time) {
	attack := w.truth.attack
	for i := len(w.truth.moments) - 1; i >= 0; i-- {
		m := &w.truth.moments[i]
		last := attack.IsZero() && i == len(w.truth.moments)-1
		if m.password != w.password || !last && !m.state && m.until.Sub(m.at) < quietTime+time.Minute {
			continue
		}
		if !attack.IsZero() && attack.Sub(m.at) < time.Minute {
			continue // History counts by minutes
		}
		d := " -all of it"
		if !named.IsZero() {
			d = differ(w.asOf(named), m.objects)
		}
		// Where times are whole seconds, what went in the last one is still there.
		if named.Before(m.at) && strings.Contains(d, " -") {
			kind := "GOOD TIME LOST"
			if attack.IsZero() {
				kind = "FALSE ALARM"
			}
			w.Errorf("%s: %v was named (%s), but all was well until %v (%s), the attack came at %v", kind, named, d, m.at, m.what, attack)
		}
		return
	}
}

// differ says in what the repositories of two lists differ.
//
// What bytes they have is another question: a version may be a copy of another one.
func differ(got, want []restic.ObjectVersion) (d string) {
	keys := func(list []restic.ObjectVersion) []string {
		out := inRepository(list)
		for i := range out {
			out[i], _, _ = strings.Cut(out[i], " ")
		}
		return out
	}
	a, b := keys(got), keys(want)
	for _, o := range a {
		if !slices.Contains(b, o) {
			d += " +" + o
		}
	}
	for _, o := range b {
		if !slices.Contains(a, o) {
			d += " -" + o
		}
	}
	return d
}

func (w *world) judgeCheck(wrecked error) {
	c, err := w.manages(w.password).CheckStorage(w.ctx, w.bucket, s3state.CheckStorageOptions{ReadPercent: 100})
	switch {
	case err != nil && w.truth.attack.IsZero():
		w.Errorf("FALSE ALARM: check: %v", err)
	case err != nil:
		w.note("   check: %v", err)
	case c.OK && wrecked != nil:
		w.Errorf("FALSE OK: check says OK, but %v", wrecked)
	case !c.OK && w.truth.attack.IsZero():
		w.Errorf("FALSE ALARM: check: %+v %v", c.Proof, c.Problems)
	}
}

func (w *world) judgeWithoutPassword() {
	without := w.manages("")
	h, err := without.History(w.ctx, w.bucket, s3state.HistoryOptions{ReviewedUntil: w.reviewed})
	if err != nil {
		w.Errorf("history without the password: %v", err)
	} else if h.Proof.Verdict != s3state.NotProved {
		w.Errorf("FALSE OK: without the password: %+v", h.Proof)
	}
	if err == nil && w.truth.attack.IsZero() && !w.truth.damaged && !w.truth.migrated && h.Total > 0 {
		w.Errorf("FALSE ALARM: without the password: %d marks, first %s", h.Total, h.Suspicions[0])
	}
	c, err := without.CheckStorage(w.ctx, w.bucket, s3state.CheckStorageOptions{})
	if err == nil && c.OK {
		w.Errorf("FALSE OK: check without the password: %+v", c)
	}
	_, err = without.DropVersions(w.ctx, w.bucket, s3state.DropOptions{RequireComplete: true})
	if !errors.Is(err, s3state.ErrUnconfirmed) {
		w.Errorf("without the password versions were dropped: %v", err)
	}
}

// stateGood opens the repository as a saved state has it.
func (w *world) stateGood(st *s3state.SavedState, password string) error {
	r, err := w.manages("").Storage().OpenState(w.ctx, w.bucket, st.Key, st.VersionID)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it is only read
	var list []restic.ObjectVersion
	for v, err := range r.All() {
		if err != nil {
			return err
		}
		if v.IsLatest && !v.DeleteMarker {
			list = append(list, restic.ObjectVersion{Key: v.Key, VersionID: v.VersionID, Size: v.Size, LastModified: v.LastModified})
		}
	}
	return w.good(list, password)
}

// judgeStates holds what is said of saved states against the version history: what was
// there all the time that a state may have been taken at must be in it, and what is in
// it must have been there at some time then.
func (w *world) judgeStates() {
	store := w.manages("").Storage()
	states, err := store.States(w.ctx, w.bucket)
	must(w, err)
	all := w.versions("")
	for _, i := range w.r.Perm(len(states))[:min(harness.Size(1, 4), len(states))] {
		st := &states[i]
		found, err := store.VerifyState(w.ctx, w.bucket, st.Key, st.VersionID)
		if err != nil || found.Status != s3state.Verified {
			continue // History tells whether that is an alarm
		}
		r, err := store.OpenState(w.ctx, w.bucket, st.Key, st.VersionID)
		must(w, err)
		named := make(map[string]bool)
		for v, err := range r.All() {
			must(w, err)
			if v.IsLatest && !v.DeleteMarker {
				named[v.Key+" "+v.VersionID] = true
			}
		}
		must(w, r.Close())
		for i, v := range all {
			until := w.now()
			if i > 0 && all[i-1].Key == v.Key {
				until = all[i-1].LastModified
			}
			is := named[v.Key+" "+v.VersionID]
			switch kind := s3state.TypeOf(v.Key); {
			case v.DeleteMarker, kind == s3state.TypeLock, kind == s3state.TypeState, kind == s3state.TypeOther:
			case is && (v.LastModified.After(found.To.Add(time.Second)) || until.Before(found.From.Add(-time.Second))):
				w.Errorf("FALSE OK: the state %s is verified for %v to %v, but names %s of %v to %v", st.Key, found.From, found.To, v.Key, v.LastModified, until)
			case !is && v.LastModified.Before(found.From.Add(-time.Second)) && until.After(found.To.Add(time.Second)):
				w.Errorf("FALSE OK: the state %s is verified for %v to %v, but leaves out %s of %v to %v", st.Key, found.From, found.To, v.Key, v.LastModified, until)
			}
		}
	}
}
