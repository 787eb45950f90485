package s3state

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Whatever restic removes from a repository it removes while it holds a lock, which is
// an object of its own: it is there before the first deletion, and goes after the
// last.
const (
	// lockLife is how long a lock counts that nobody renews. restic renews every
	// five minutes, and takes a lock for stale after thirty.
	lockLife = 30 * time.Minute
	// lockSlack is how far the clocks of a server's machines may differ, rounding
	// to whole seconds included.
	lockSlack = 2 * time.Second
)

// span is a stretch of time, in Unix milliseconds.
type span struct{ from, to int64 }

// lockEvidence is when locks were there, and what was deleted when.
type lockEvidence struct {
	locks     []span
	deletions map[deletedIn]*deletion
}

// deletedIn gathers the deletions of a type in one second.
type deletedIn struct {
	second int64
	t      FileType
}

type deletion struct {
	span
	n            int64
	key, version string // of one of them
}

// lock notes that a lock was there from its writing until next, the key's next
// change; nil if it still is.
func (e *lockEvidence) lock(written time.Time, next *Version) {
	s := span{written.UnixMilli(), written.Add(lockLife).UnixMilli()}
	if next != nil {
		s.to = min(s.to, next.LastModified.UnixMilli())
	}
	e.locks = append(e.locks, s)
}

func (e *lockEvidence) deleted(t FileType, v *Version) {
	at := v.LastModified.UnixMilli()
	k := deletedIn{v.LastModified.Unix(), t}
	d := e.deletions[k]
	if d == nil {
		if e.deletions == nil {
			e.deletions = make(map[deletedIn]*deletion)
		}
		d = &deletion{span: span{at, at}, key: v.Key, version: v.VersionID}
		e.deletions[k] = d
	}
	d.from, d.to = min(d.from, at), max(d.to, at)
	d.n++
}

// unlocked gives the deletions at times at which nobody held a lock, those of one
// type in one minute together.
func (e *lockEvidence) unlocked() []Suspicion {
	held := union(e.locks, lockSlack.Milliseconds())
	type minuteOf struct {
		minute int64
		t      FileType
	}
	sums := make(map[minuteOf]*deletion)
	for k, d := range e.deletions {
		if within(held, d.span) {
			continue
		}
		m := minuteOf{k.second / 60, k.t}
		if sums[m] == nil {
			sums[m] = &deletion{span: span{math.MaxInt64, 0}}
		}
		sum := sums[m]
		if d.from < sum.from {
			sum.from, sum.key, sum.version = d.from, d.key, d.version
		}
		sum.n += d.n
	}
	var found []Suspicion
	for m, d := range sums {
		s := Suspicion{Time: time.UnixMilli(d.from).UTC(), Reason: fmt.Sprintf("%d %s files were deleted while no run held a lock", d.n, m.t)}
		if d.n == 1 {
			s.Key, s.VersionID, s.Reason = d.key, d.version, fmt.Sprintf("a %s was deleted while no run held a lock", m.t)
		}
		found = append(found, s)
	}
	return found
}

// union widens spans by slack on both sides and joins those that meet.
func union(spans []span, slack int64) []span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var all []span
	for _, s := range spans {
		s.from, s.to = s.from-slack, s.to+slack
		if n := len(all); n > 0 && s.from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, s.to)
			continue
		}
		all = append(all, s)
	}
	return all
}

// within tells whether one of the spans, which are sorted and do not meet, covers s.
func within(spans []span, s span) bool {
	i, found := slices.BinarySearchFunc(spans, s.from, func(of span, at int64) int { return cmp.Compare(of.from, at) })
	if !found {
		i--
	}
	return i >= 0 && s.to <= spans[i].to
}
