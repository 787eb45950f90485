package s3state

import (
	"fmt"
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

type historian struct {
	res        *History
	minutes    map[int64]*minute
	strangers  []Suspicion // objects that do not belong, if this is a repository
	nStrangers int
	repository bool
}

// change notes what v did to the object that older was, nil for none.
func (h *historian) change(v, older *Version) {
	t, was := TypeOf(v.Key), older != nil && !older.DeleteMarker
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
	if reason := suspicious(t, c, v); reason != "" {
		h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, reason})
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

// steps puts the minutes together, and judges what only a whole step shows.
func (h *historian) steps(quiet time.Duration) {
	if h.repository {
		for _, s := range h.strangers {
			h.suspect(s)
		}
		h.res.Total += h.nStrangers - len(h.strangers)
	}
	order := make([]int64, 0, len(h.minutes))
	for n := range h.minutes {
		order = append(order, n)
	}
	slices.Sort(order)
	live := make(map[FileType]int64)
	for len(order) > 0 {
		n := 1
		for n < len(order) && h.minutes[order[n]].first.Sub(h.minutes[order[n-1]].last) < quiet {
			n++
		}
		h.step(order[:n], live)
		order = order[n:]
	}
	h.trim()
}

func (h *historian) step(minutes []int64, live map[FileType]int64) {
	st := Step{From: h.minutes[minutes[0]].first, To: h.minutes[minutes[len(minutes)-1]].last}
	sums := make(map[countKey]Count)
	deletions := make(map[FileType]time.Time)
	for _, n := range minutes {
		m := h.minutes[n]
		for t, first := range m.deletions {
			if _, ok := deletions[t]; !ok {
				deletions[t] = first
			}
		}
		for k, c := range m.counts {
			sum := sums[k]
			sum.N += c.N
			sum.Bytes += c.Bytes
			sums[k] = sum
		}
	}
	deleted := func(t FileType) int64 { return sums[countKey{t, Deleted}].N }
	written := func(t FileType) int64 { return sums[countKey{t, Written}].N }
	if deleted(TypePack) > 0 && written(TypeIndex) == 0 {
		h.suspect(Suspicion{Time: deletions[TypePack], Reason: fmt.Sprintf("%d packs were deleted, and no index was written as by prune", deleted(TypePack))})
	}
	for _, t := range []FileType{TypeSnapshot, TypeIndex, TypeKey} {
		before := live[t]
		live[t] += written(t) - deleted(t)
		if before > 0 && live[t] <= 0 && deleted(t) > 0 {
			h.suspect(Suspicion{Time: deletions[t], Reason: fmt.Sprintf("the last %s was deleted", t)})
		}
	}
	for k, c := range sums {
		c.Type, c.Change = k.t, k.c
		st.Counts = append(st.Counts, c)
	}
	slices.SortFunc(st.Counts, func(a, b Count) int {
		return strings.Compare(string(a.Type)+string(a.Change), string(b.Type)+string(b.Change))
	})
	for _, n := range minutes {
		st.Suspicions += h.minutes[n].suspicions
	}
	h.res.Steps = append(h.res.Steps, st)
}

// lastGood is the latest end of a step, or saving of a state (which ends a
// run), before the first suspicion.
func (h *historian) lastGood() {
	r := h.res
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
