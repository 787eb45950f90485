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
// last. Anybody can write an object under a lock's name, so those by which a deletion
// is explained are read where that is allowed.
const (
	// lockLife is how long a lock counts that nobody renews. restic renews every
	// five minutes, and takes a lock for stale after thirty.
	lockLife = 30 * time.Minute
	// lockSlack is how far the clocks of a server's machines may differ, rounding
	// to whole seconds included.
	lockSlack = 2 * time.Second
	// namedLocks bounds how many locks are remembered with their names.
	namedLocks = 100_000
)

// span is a stretch of time, in Unix milliseconds.
type span struct{ from, to int64 }

// heldLock is a lock and how long it was there.
type heldLock struct {
	span
	v      *Version // nil if there are too many
	bad    bool     // it is no lock
	shared bool     // with which restic removes nothing but keys
}

// lockEvidence is when locks were there, and what was deleted when.
type lockEvidence struct {
	locks     []heldLock
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
	reported     bool
}

// lock notes that a lock was there from its writing until next, the key's next
// change; nil if it still is.
func (e *lockEvidence) lock(v, next *Version) {
	l := heldLock{span: span{v.LastModified.UnixMilli(), v.LastModified.Add(lockLife).UnixMilli()}}
	if next != nil {
		l.to = min(l.to, next.LastModified.UnixMilli())
	}
	if len(e.locks) < namedLocks {
		kept := *v
		l.v = &kept
	}
	e.locks = append(e.locks, l)
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

// explaining gives the locks that were there when something was deleted, the newest
// first.
func (e *lockEvidence) explaining() (locks []*heldLock) {
	spans := make([]span, 0, len(e.deletions))
	for _, d := range e.deletions {
		spans = append(spans, d.span)
	}
	spans = union(spans, lockSlack.Milliseconds())
	for i := range e.locks {
		if l := &e.locks[i]; l.v != nil && meets(spans, l.span) {
			locks = append(locks, l)
		}
	}
	slices.SortFunc(locks, func(a, b *heldLock) int { return cmp.Compare(b.from, a.from) })
	return locks
}

// unlocked gives the deletions at times at which nobody held a lock, those of one
// type in one minute together. What it has given it does not give again.
func (e *lockEvidence) unlocked() []Suspicion {
	var any, alone []span
	for _, l := range e.locks {
		if l.bad {
			continue
		}
		any = append(any, l.span)
		if !l.shared {
			alone = append(alone, l.span)
		}
	}
	any, alone = union(any, lockSlack.Milliseconds()), union(alone, lockSlack.Milliseconds())
	type minuteOf struct {
		minute int64
		t      FileType
	}
	sums := make(map[minuteOf]*deletion)
	for k, d := range e.deletions {
		held := alone
		if k.t == TypeKey { // a change of the password needs no exclusive lock
			held = any
		}
		if d.reported || within(held, d.span) {
			continue
		}
		d.reported = true
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
		s := Suspicion{Time: time.UnixMilli(d.from).UTC(), Reason: fmt.Sprintf("%d %s files were deleted while no run held the lock for it", d.n, m.t)}
		if d.n == 1 {
			s.Key, s.VersionID, s.Reason = d.key, d.version, fmt.Sprintf("a %s was deleted while no run held the lock for it", m.t)
		}
		found = append(found, s)
	}
	return found
}

// union widens spans by slack on both sides and joins those that meet.
func union(spans []span, slack int64) []span {
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

// last finds the last of sorted spans that does not begin after at; -1 if all do.
func last(spans []span, at int64) int {
	i, found := slices.BinarySearchFunc(spans, at, func(of span, at int64) int { return cmp.Compare(of.from, at) })
	if !found {
		i--
	}
	return i
}

// within tells whether one of the spans, which are sorted and do not meet, covers s.
func within(spans []span, s span) bool {
	i := last(spans, s.from)
	return i >= 0 && s.to <= spans[i].to
}

// meets tells whether one of them has a moment in common with s.
func meets(spans []span, s span) bool {
	i := last(spans, s.to)
	return i >= 0 && s.from <= spans[i].to
}
