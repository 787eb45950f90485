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
	found      suspicions
	newer      Version // the entry before, whose older one comes next
	above      Version // the object version before, if there was one of this key
	minutes    map[int64]*minute
	strangers  suspicions // objects that do not belong, if this is a repository
	repository bool
	configs    []replacedConfig
	evidence   lockEvidence
	unread     recent // what could be read
	confirmed  bool   // only confirmed states are named as good
}

// replacedConfig is a config that was overwritten with something else: suspicious
// until somebody who knows the password says that it is the repository's.
type replacedConfig struct {
	Version
	reason string
	right  bool
}

func newHistorian(bucket string) *historian {
	return &historian{minutes: make(map[int64]*minute), res: &History{Bucket: bucket}, evidence: lockEvidence{tail: -1}}
}

// take goes through the next entries of the listing: those of a key together, the
// newest first.
func (h *historian) take(entries []Version) {
	for i := range entries {
		v := &entries[i]
		if isState(v) {
			h.res.States = append(h.res.States, savedState(h.res.Bucket, v))
		}
		if !v.DeleteMarker && h.above.Key == v.Key && h.newer.DeleteMarker {
			h.writtenAgain(&h.above, v)
		}
		if h.newer.Key != "" {
			var older *Version
			if h.newer.Key == v.Key {
				older = v
			}
			h.change(&h.newer, older)
		}
		if !v.DeleteMarker {
			h.above = *v
		}
		h.newer = *v
	}
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
			h.evidence.lock(v, nil)
		}
		if was {
			h.evidence.lock(older, v)
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
	case sameBytes(v, older):
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
	case t == TypeConfig && c == Overwritten && len(h.configs) < maxListed && v.Size <= largestConfig:
		h.at(v.LastModified).suspicions++
		h.configs = append(h.configs, replacedConfig{Version: *v, reason: reason})
	case reason != "":
		h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, reason})
	case c == Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot || t == TypePack):
		h.evidence.deleted(t, v, older)
	case c != Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot):
		h.unread.add(v)
	}
	if t == TypeOther && c != Deleted {
		h.strangers.add(Suspicion{v.LastModified, v.Key, v.VersionID, "it does not belong to a restic repository"})
	}
}

// sameBytes compares what the server recorded. An object that was uploaded in parts
// has an ETag that says nothing of its bytes; restic writes none so.
func sameBytes(a, b *Version) bool {
	return a.Size == b.Size && bareETag(a.ETag) == bareETag(b.ETag)
}

// writtenAgain compares a version with what its key held before it was deleted.
// The names of restic's objects are hashes, so it has to be the same; and a lock is
// never written again.
func (h *historian) writtenAgain(v, before *Version) {
	switch t := TypeOf(v.Key); t {
	case TypeOther, TypeState:
	case TypeLock:
		h.evidence.again()
		h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, "a lock was written again after it had been removed"})
	default:
		if !sameBytes(v, before) && v.Size >= shortest { // a shorter one is marked already
			h.suspect(Suspicion{v.LastModified, v.Key, v.VersionID, fmt.Sprintf("a %s was deleted and written again as something else", t)})
		}
	}
}

// shortest is the size of the smallest sealed restic object: 16 bytes of nonce
// and 16 of MAC. Keys are JSON, and longer.
const shortest = 32

// largestConfig is many times what a config takes.
const largestConfig = 4 << 10

func suspicious(t FileType, c Change, v *Version) string {
	switch t {
	case TypeOther, TypeState:
		return ""
	case TypeConfig:
		if c == Deleted {
			return "the repository's config was deleted"
		}
	}
	switch {
	case c == Overwritten && t != TypeLock:
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

func (h *historian) suspect(s Suspicion) {
	h.at(s.Time).suspicions++
	h.found.add(s)
}

// right says that a config that replaced another one is the repository's, as after a
// migration.
func (h *historian) right(c *replacedConfig) {
	c.right = true
	h.at(c.LastModified).suspicions--
}

// steps puts the minutes together, and judges what only many changes show.
func (h *historian) steps(quiet time.Duration) {
	if h.repository {
		h.strangers.trim()
		for _, s := range h.strangers.list {
			h.suspect(s)
		}
		h.found.total += h.strangers.total - len(h.strangers.list)
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

// sum counts the suspicions of each step and finds the last good moment.
func (h *historian) sum() {
	all := suspicions{slices.Clone(h.found.list), h.found.total}
	for i := range h.configs {
		if c := &h.configs[i]; !c.right {
			all.add(Suspicion{c.LastModified, c.Key, c.VersionID, c.reason})
		}
	}
	all.trim()
	h.res.Suspicions, h.res.Total = all.list, all.total
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
