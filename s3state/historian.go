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

// minute sums up what happened in one.
type minute struct {
	first, last time.Time
	counts      map[countKey]Count
	deletions   map[FileType]time.Time // the first of each type
	suspicions  int
}

func (m *minute) n(t FileType, c Change) int64 { return m.counts[countKey{t, c}].N }

type historian struct {
	res        *History
	newer      Version // the entry before, whose older one comes next
	minutes    map[int64]*minute
	strangers  []Suspicion // objects that do not belong, if this is a repository
	nStrangers int
	repository bool
	evidence   lockEvidence
	unread     recent // what could be read
}

// take goes through the next entries of the listing: those of a key together, the
// newest first.
func (h *historian) take(entries []Version) error {
	for i := range entries {
		v := &entries[i]
		if isState(v) {
			h.res.States = append(h.res.States, savedState(h.res.Bucket, v))
		}
		if h.newer.Key != "" {
			var older *Version
			if h.newer.Key == v.Key {
				older = v
			}
			h.change(&h.newer, older)
		}
		h.newer = *v
	}
	return nil
}

// end is called after the last entry.
func (h *historian) end(quiet time.Duration) {
	if h.newer.Key != "" {
		h.change(&h.newer, nil)
	}
	sortStates(h.res.States)
	h.steps(quiet)
	h.sum()
}

// change notes what v did to the object that older was, nil for none.
func (h *historian) change(v, older *Version) {
	t, was := TypeOf(v.Key), older != nil && !older.DeleteMarker
	if t == TypeLock {
		if !v.DeleteMarker && v.IsLatest {
			h.evidence.lock(v.LastModified, nil)
		}
		if was {
			h.evidence.lock(older.LastModified, v)
		}
	}
	var c Change
	switch {
	case v.DeleteMarker && !was:
		return // nothing was there
	case v.DeleteMarker:
		c = Deleted
	case !was:
		c = Written
	case v.Size == older.Size && bareETag(v.ETag) == bareETag(older.ETag):
		c = Rewritten
	default:
		c = Overwritten
	}
	m := h.at(v.LastModified)
	k := countKey{t, c}
	n := m.counts[k]
	n.N++
	n.Bytes += v.Size
	m.counts[k] = n
	if t == TypeConfig {
		h.repository = true
	}
	if first, ok := m.deletions[t]; c == Deleted && (!ok || v.LastModified.Before(first)) {
		m.deletions[t] = v.LastModified
	}
	switch reason := suspicious(t, c, v); {
	case reason != "":
		h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, reason})
	case c == Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot || t == TypePack):
		h.evidence.deleted(t, v)
	case c != Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot):
		h.unread.add(v)
	}
	if t == TypeOther && c != Deleted {
		h.nStrangers++
		if len(h.strangers) < maxListed {
			h.strangers = append(h.strangers, Suspicion{v.LastModified, v.Key, v.VersionID, "it does not belong to a restic repository"})
		}
	}
}

// shortest is the size of the smallest sealed restic object: 16 bytes of nonce
// and 16 of MAC. Keys are JSON, and longer.
const shortest = 32

func suspicious(t FileType, c Change, v *Version) string {
	switch t {
	case TypeOther, TypeState:
		return ""
	case TypeConfig:
		if c == Deleted {
			return "the repository's config was deleted"
		}
	case TypeLock:
		return ""
	}
	switch {
	case c == Overwritten:
		return fmt.Sprintf("a %s was overwritten with something else", t)
	case c != Deleted && v.Size < shortest:
		return fmt.Sprintf("it is too short (%d bytes) for a %s", v.Size, t)
	}
	return ""
}

func (h *historian) at(t time.Time) *minute {
	n := t.Unix() / 60
	m := h.minutes[n]
	if m == nil {
		m = &minute{first: t, last: t, counts: make(map[countKey]Count), deletions: make(map[FileType]time.Time)}
		h.minutes[n] = m
	}
	if t.Before(m.first) {
		m.first = t
	}
	if t.After(m.last) {
		m.last = t
	}
	return m
}

// suspect keeps the earliest suspicions when there are too many.
func (h *historian) suspect(s Suspicion) {
	h.res.Total++
	h.at(s.Time).suspicions++
	h.res.Suspicions = append(h.res.Suspicions, s)
	if len(h.res.Suspicions) >= 2*maxListed {
		h.trim()
	}
}

func (h *historian) trim() {
	slices.SortStableFunc(h.res.Suspicions, func(a, b Suspicion) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	h.res.Suspicions = h.res.Suspicions[:min(len(h.res.Suspicions), maxListed)]
}

// steps puts the minutes together, and judges what only many changes show.
func (h *historian) steps(quiet time.Duration) {
	if h.repository {
		for _, s := range h.strangers {
			h.suspect(s)
		}
		h.res.Total += h.nStrangers - len(h.strangers)
	}
	for _, s := range h.evidence.unlocked() {
		h.suspect(s)
	}
	order := slices.Sorted(maps.Keys(h.minutes))
	live := make(map[FileType]int64)
	for len(order) > 0 {
		n := 1
		for n < len(order) && h.minutes[order[n]].first.Sub(h.minutes[order[n-1]].last) < quiet {
			n++
		}
		h.step(order[:n], live)
		order = order[n:]
	}
}

// step judges and sums up the minutes of one step. live counts what was there
// before.
func (h *historian) step(minutes []int64, live map[FileType]int64) {
	st := Step{From: h.minutes[minutes[0]].first, To: h.minutes[minutes[len(minutes)-1]].last}
	sums := make(map[countKey]Count)
	packs := live[TypePack]
	var firstPack time.Time // deleted
	for _, n := range minutes {
		m := h.minutes[n]
		for _, t := range []FileType{TypeSnapshot, TypeIndex, TypeKey} {
			live[t] += m.n(t, Written) - m.n(t, Deleted)
			if m.n(t, Deleted) > 0 && live[t] <= 0 {
				h.suspect(Suspicion{Time: m.deletions[t], Reason: fmt.Sprintf("the last %s was deleted", t)})
			}
		}
		live[TypePack] += m.n(TypePack, Written) - m.n(TypePack, Deleted)
		if m.n(TypePack, Deleted) > 0 && firstPack.IsZero() {
			firstPack = m.deletions[TypePack]
		}
		for k, c := range m.counts {
			sum := sums[k]
			sum.N += c.N
			sum.Bytes += c.Bytes
			sums[k] = sum
		}
	}
	// prune writes an index before it deletes packs, unless these are the remains
	// of a backup that was interrupted.
	if n := sums[countKey{TypePack, Deleted}].N; 2*n > packs && n > 0 && sums[countKey{TypeIndex, Written}].N == 0 {
		h.suspect(Suspicion{Time: firstPack, Reason: fmt.Sprintf("%d of %d packs were deleted, and no index was written as by prune", n, max(packs, n))})
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

// sum counts the suspicions of each step and finds the last good moment.
func (h *historian) sum() {
	h.trim()
	order := slices.Sorted(maps.Keys(h.minutes))
	for i := range h.res.Steps {
		st := &h.res.Steps[i]
		st.Suspicions = 0
		for len(order) > 0 && h.minutes[order[0]].first.Compare(st.To) <= 0 {
			st.Suspicions += h.minutes[order[0]].suspicions
			order = order[1:]
		}
	}
	h.lastGood()
}

// lastGood is the latest end of a step, or saving of a state (which ends a
// run), before the first suspicion.
func (h *historian) lastGood() {
	r := h.res
	r.LastGood, r.LastGoodState = time.Time{}, nil
	before := func(t time.Time) bool { return r.Total == 0 || t.Before(r.Suspicions[0].Time) }
	for _, st := range r.Steps {
		if before(st.To) && st.To.After(r.LastGood) {
			r.LastGood = st.To
		}
	}
	for i := range r.States {
		st := &r.States[i]
		if before(st.Time) && !st.Time.Before(r.LastGood) {
			r.LastGood, r.LastGoodState = st.Time, st
		}
	}
}
