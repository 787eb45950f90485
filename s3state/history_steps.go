package s3state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

type countKey struct {
	t FileType
	c Change
}

// minute sums up the changes of one minute.
type minute struct {
	first, last time.Time
	counts      map[countKey]Count
	deletions   map[FileType]time.Time // the last of each type
	snapshot    time.Time              // when the last one was written
}

func (m *minute) n(t FileType, c Change) int64 { return m.counts[countKey{t, c}].N }

// steps joins minutes into steps, and judges what only many changes show.
func (h *timeline) steps(gap time.Duration) {
	made := h.madeBy()
	for _, g := range h.keysGone {
		if !g.written.Before(made) {
			marker := &Version{Key: g.key, VersionID: g.marker, LastModified: g.gone}
			h.evidence.deleted(TypeKey, marker, &Version{LastModified: g.written})
		}
	}
	h.evidence.longer()
	for _, s := range append(h.evidence.unlocked(), h.evidence.doubtful()...) {
		h.suspect(s)
	}
	order := slices.Sorted(maps.Keys(h.minutes))
	live := make(map[FileType]int64)
	for len(order) > 0 {
		n := 1
		for n < len(order) && h.minutes[order[n]].first.Sub(h.minutes[order[n-1]].last) < gap {
			n++
		}
		h.step(order[:n], live)
		order = order[n:]
	}
}

// step judges and sums up the minutes of one step. live counts what was there
// before.
func (h *timeline) step(minutes []int64, live map[FileType]int64) {
	st := Step{From: h.minutes[minutes[0]].first, To: h.minutes[minutes[len(minutes)-1]].last}
	sums := make(map[countKey]Count)
	for _, n := range minutes {
		m := h.minutes[n]
		for _, t := range []FileType{TypeSnapshot, TypeKey} {
			live[t] += m.n(t, Written) - m.n(t, Deleted)
			if m.n(t, Deleted) > 0 && live[t] <= 0 {
				h.suspect(Suspicion{Time: m.deletions[t], Reason: fmt.Sprintf("the last %s was deleted", t)})
			}
		}
		for k, c := range m.counts {
			sum := sums[k]
			sum.N += c.N
			sum.Bytes += c.Bytes
			sums[k] = sum
		}
	}
	for k, c := range sums {
		c.Type, c.Change = k.t, k.c
		st.Counts = append(st.Counts, c)
	}
	slices.SortFunc(st.Counts, func(a, b Count) int {
		return strings.Compare(string(a.Type)+string(a.Change), string(b.Type)+string(b.Change))
	})
	h.res.Steps = append(h.res.Steps, st)
}

// sum tells the marks that count from those that do not, counts those of each step and
// finds the last good moment.
func (h *timeline) sum() {
	var more []Suspicion
	for i := range h.configs {
		if c := &h.configs[i]; !c.right {
			more = append(more, mark(&c.Version, c.reason, settles(TypeConfig, &c.Version)))
		}
	}
	if s, ok := h.doesNotHold(); ok {
		more = append(more, s)
	}
	r, step := h.res, 0
	for i := range r.Steps {
		r.Steps[i].Suspicions = 0
	}
	// The result holds no more than it shows: it outlives all else.
	r.Suspicions = nil
	var settled, strangers notes
	h.lasting = time.Time{}
	for m := range h.found.with(more) {
		if standing := h.standing(m.last(), m.kind); standing != "" {
			settled.add(m, standing)
			continue
		}
		if len(r.Suspicions) < maxListed {
			r.Suspicions = append(r.Suspicions, m.shown(""))
		}
		if h.lasts(m.kind) && h.lasting.IsZero() {
			h.lasting = m.at
		}
		for step < len(r.Steps) && m.at.After(endOf(r.Steps[step].To)) {
			step++
		}
		if step < len(r.Steps) {
			r.Steps[step].Suspicions += int(m.n)
		}
	}
	r.Total = h.found.total + len(more) - settled.total
	if h.repository {
		for m := range h.strangers.with(nil) {
			standing := Noted
			if !h.reviewed.Before(m.last()) {
				standing = Reviewed
			}
			strangers.add(m, standing)
		}
	}
	for _, m := range h.prefixes.notes() {
		strangers.add(&m, Noted)
	}
	r.Notes, r.TotalNotes = settled.with(&strangers), settled.total+strangers.total
	r.Gone = h.goneSince(later(h.good, h.provedUntil))
	h.lastGood()
}

// goneSince counts what was deleted or overwritten after a moment. A minute that it
// lies in counts as a whole.
func (h *timeline) goneSince(at time.Time) []Count {
	var all []Count
	for _, t := range []FileType{TypeKey, TypeSnapshot, TypeIndex, TypePack} {
		for _, c := range []Change{Deleted, Overwritten} {
			sum := Count{Type: t, Change: c}
			for _, m := range h.minutes {
				if m.last.After(at) {
					sum.N += m.n(t, c)
				}
			}
			if sum.N > 0 {
				all = append(all, sum)
			}
		}
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lasts reports whether no proof settles a mark, as far as is known.
func (h *timeline) lasts(kind markKind) bool {
	return kind != markRepaired && (kind != markInParts || h.nowBad)
}

// standing says why a mark does not count, "" if it does.
func (h *timeline) standing(at time.Time, kind markKind) Standing {
	switch {
	case !at.After(h.reviewed) && kind != markStanding && (kind != markInParts || h.proving && !h.nowBad):
		return Reviewed
	case h.first.IsZero() || at.Before(h.first) || kind == markNoted:
		return Noted
	case !h.lasts(kind) && !h.good.IsZero() && !at.After(h.good):
		return Resolved
	}
	return ""
}

// doesNotHold is the mark on the moment from which on the repository does not hold, or
// does not open.
func (h *timeline) doesNotHold() (Suspicion, bool) {
	if h.fails == nil || h.fails.Spent || !h.proving || h.first.IsZero() || h.good.IsZero() && h.fails.Verdict != Broken {
		return Suspicion{}, false
	}
	at := h.fails.At
	if !at.After(h.good) {
		return Suspicion{}, false
	}
	if at.Before(h.first) { // there was nothing to lose yet, but later there was
		at = h.first
	}
	if h.fails.Verdict == Broken {
		return Suspicion{Time: at, Reason: "the repository does not hold together: " + h.fails.Reason, kind: markRepaired}, true
	}
	return Suspicion{Time: at, Reason: "the repository cannot be proved: " + h.fails.Reason, kind: markRepaired}, true
}

// lastGood names the moment that was proved. Without a Prover it finds the latest end
// of a step, or saving of a state (which ends a run), before the first mark that
// counts.
func (h *timeline) lastGood() {
	r := h.res
	r.LastGood, r.LastGoodState = time.Time{}, nil
	good := func(st *SavedState) bool {
		return !h.unheld[st] &&
			(!h.confirmed || st.Verification != nil && st.Verification.Status == Verified)
	}
	if h.proving {
		if r.LastGood = h.good; r.LastGood.IsZero() {
			return
		}
		for i := range r.States {
			if st := &r.States[i]; endOf(st.Time).Equal(r.LastGood) && good(st) {
				r.LastGoodState = st
			}
		}
		return
	}
	for _, st := range r.Steps {
		if r.before(st.To) && st.To.After(r.LastGood) {
			r.LastGood = st.To
		}
	}
	for i := range r.States {
		st := &r.States[i]
		if r.before(st.Time) && !st.Time.Before(r.LastGood) && good(st) {
			r.LastGood, r.LastGoodState = st.Time, st
		}
	}
}

// before reports whether t is before anything suspicious.
func (r *History) before(t time.Time) bool {
	return len(r.Suspicions) == 0 || t.Before(r.Suspicions[0].Time)
}

// may reports whether t is before any mark that only a person settles.
func (h *timeline) may(t time.Time) bool { return h.lasting.IsZero() || t.Before(h.lasting) }

// keyGone is a key that was deleted, and the version ID of its delete marker.
type keyGone struct {
	key, marker   string
	gone, written time.Time
}

// madeBy is when the last key was written before the first config, zero if none was. A
// key that is older was left behind by an attempt to make the repository: the one that
// succeeded wrote another key later, and then the config.
func (h *timeline) madeBy() (last time.Time) {
	for _, at := range h.keys {
		if !at.After(h.config) && at.After(last) {
			last = at
		}
	}
	return last
}
