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
	h.strangers.trim()
	for _, g := range h.keysGone {
		if !h.failedInit(&g.key) {
			h.evidence.deleted(TypeKey, &g.marker, &g.key)
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
	all := suspicions{slices.Clone(h.found.list), h.found.total}
	for i := range h.configs {
		if c := &h.configs[i]; !c.right {
			all.add(mark(&c.Version, c.reason, markLasting))
		}
	}
	if s, ok := h.doesNotHold(); ok {
		all.add(s)
	}
	all.trim()
	var open, notes []Suspicion
	h.lasting = time.Time{}
	for _, s := range all.list {
		if s.Standing = h.standing(&s); s.Standing != "" {
			notes = append(notes, s)
			continue
		}
		open = append(open, s)
		if h.lasts(s.kind) && h.lasting.IsZero() {
			h.lasting = s.Time
		}
	}
	h.res.Suspicions, h.res.Total = open[:min(len(open), maxListed)], all.total-len(notes)
	h.res.TotalNotes = len(notes)
	if h.repository {
		for _, s := range h.strangers.list {
			if s.Standing = Noted; !h.reviewed.Before(s.Time) {
				s.Standing = Reviewed
			}
			notes = append(notes, s)
		}
		h.res.TotalNotes += h.strangers.total
	}
	slices.SortStableFunc(notes, func(a, b Suspicion) int { return a.Time.Compare(b.Time) })
	h.res.Notes = notes[:min(len(notes), maxListed)]
	for i := range h.res.Steps {
		st := &h.res.Steps[i]
		st.Suspicions = 0
		for len(open) > 0 && !open[0].Time.After(endOf(st.To)) {
			open = open[1:]
			st.Suspicions++
		}
	}
	h.res.Gone = h.goneSince(later(h.good, h.provedUntil))
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
func (h *timeline) standing(s *Suspicion) Standing {
	switch {
	case !s.Time.After(h.reviewed):
		return Reviewed
	case h.first.IsZero() || s.Time.Before(h.first) || s.kind == markNoted:
		return Noted
	case !h.lasts(s.kind) && !h.good.IsZero() && !s.Time.After(h.good):
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

// keyGone is a key that was deleted.
type keyGone struct{ marker, key Version }

// failedInit reports whether a key was left behind by an attempt to make the
// repository: the one that succeeded wrote another key later, and then the config.
func (h *timeline) failedInit(key *Version) bool {
	for _, at := range h.keys {
		if at.After(key.LastModified) && !at.After(h.config) {
			return true
		}
	}
	return false
}
