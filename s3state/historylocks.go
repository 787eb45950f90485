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
	// keyTried is how soon restic removes a new key that turns out not to work, for
	// which it needs no exclusive lock.
	keyTried = time.Minute
)

// span is a stretch of time, in Unix milliseconds.
type span struct{ from, to int64 }

// heldLock is a lock and how long it was there.
type heldLock struct {
	span
	v       *Version // only of the locks that explain something
	void    bool     // it explains nothing
	refused bool     // it could not be read
}

// lockEvidence is when locks were there, and what was deleted when.
type lockEvidence struct {
	locks     []heldLock
	tail      int    // the number of the lock noted last, -1 if it was left out
	wanted    []span // only locks that were there then are noted, with their versions; nil for all
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
// change; nil if it still is. Those of a key come together, the newest first.
func (e *lockEvidence) lock(v, next *Version) {
	from, tail := v.LastModified.UnixMilli(), e.tail
	l := heldLock{span: span{from, v.LastModified.Add(lockLife).UnixMilli()}}
	if next != nil && !next.DeleteMarker && sameBytes(v, next) && tail >= 0 {
		// A repeated request: that lock's life began with the first.
		again := &e.locks[tail]
		again.from, again.to = from, min(again.to, l.to)
		if e.wanted != nil {
			again.v = clone(v)
		}
		return
	}
	e.tail = -1
	if next != nil {
		l.to = min(l.to, next.LastModified.UnixMilli())
	}
	if v.Size < shortest || e.wanted != nil && !meets(e.wanted, l.span) {
		return
	}
	if e.wanted != nil {
		l.v = clone(v)
	}
	e.tail = len(e.locks)
	e.locks = append(e.locks, l)
}

func clone(v *Version) *Version {
	c := *v
	return &c
}

// again says that the lock noted last was there before and had been removed. restic
// gives every lock a name of its own.
func (e *lockEvidence) again() {
	if e.tail >= 0 {
		e.locks[e.tail].void = true
	}
}

// deleted notes that v, a delete marker, took away what older was.
func (e *lockEvidence) deleted(t FileType, v, older *Version) {
	if t == TypeKey && v.LastModified.Sub(older.LastModified) < keyTried {
		return
	}
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

// when gives the stretches of time in which something was deleted.
func (e *lockEvidence) when() []span {
	spans := make([]span, 0, len(e.deletions))
	for _, d := range e.deletions {
		spans = append(spans, d.span)
	}
	return union(spans, lockSlack.Milliseconds())
}

// unlocked gives the deletions at times at which nobody held a lock, those of one
// type in one minute together. What it has given it does not give again.
func (e *lockEvidence) unlocked() []Suspicion {
	var held []span
	for _, l := range e.locks {
		if !l.void {
			held = append(held, l.span)
		}
	}
	held = union(held, lockSlack.Milliseconds())
	type minuteOf struct {
		minute int64
		t      FileType
	}
	sums := make(map[minuteOf]*deletion)
	for k, d := range e.deletions {
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
