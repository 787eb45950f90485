package s3state

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// restic removes objects of a repository only while it holds a lock. The lock is an
// object, too: written before the first deletion, removed after the last. An attacker
// can write any object under a lock's name, so the locks that explain deletions are
// read if the caller may.
const (
	// lockLife is how long a lock counts if it is not renewed. restic renews a lock
	// every five minutes, and considers it stale after thirty.
	lockLife = 30 * time.Minute
	// lockSlack is how far the clocks of a server's machines may differ, rounding
	// to whole seconds included.
	lockSlack = 2 * time.Second
	// keyTried is how soon restic removes a new key that does not work; it needs no
	// exclusive lock for that.
	keyTried = time.Minute
)

// heldLock is a lock and how long it was there.
type heldLock struct {
	span
	v       *Version // only of the locks that explain something
	void    bool     // it explains nothing
	refused bool     // it could not be read
	weak    bool     // it may never have been there
	trace   uint64   // of the version, or of the marker that is left
	claim   *LockClaim
}

// lockEvidence is when locks were there, and what was deleted when.
type lockEvidence struct {
	locks     []heldLock
	tail      int    // index of the last lock noted, -1 if it was left out
	wanted    []span // only locks of these times are noted, with their versions; nil for all
	deletions map[deletedIn]*deletion
	// first is when the oldest lock that anything is known of was written or removed,
	// and since when the oldest saved state was. Of what was deleted before, nobody can
	// tell any more: a drop removes the locks with what they explain, and then saves a
	// state. Only who may remove versions can shorten either.
	first, since time.Time
	seen         []int64 // when locks were written or removed
	ends         []lockEnd
	rules        []lockRule // that may have removed locks
	asked        bool       // for the rules
}

// lockEnd is the removal of a lock of which nothing else is left.
type lockEnd struct {
	at int64
	// replaced says that the marker replaced the lock, as it does while versioning is
	// suspended. No host can suspend it.
	replaced bool
	trace    uint64
}

// known notes that something is known of a lock.
func (e *lockEvidence) known(v *Version) {
	e.seen = append(e.seen, v.LastModified.UnixMilli())
	if e.first.IsZero() || v.LastModified.Before(e.first) {
		e.first = v.LastModified
	}
}

// unknown notes a delete marker that hides no version of a lock.
func (e *lockEvidence) unknown(v *Version) {
	e.ends = append(e.ends, lockEnd{v.LastModified.UnixMilli(), v.VersionID == nullVersion, trace(v)})
	e.tail = -1
}

// longer takes the delete markers without a lock for locks that were removed. Where the
// bucket's own rule may have removed their versions by now they count since any lock
// was written or removed before: one of a killed run may have stayed for long, and kept
// everybody from taking another. Elsewhere the admin may have cleaned up, but anybody
// can delete a name that never was: they count as long as any lock does, and what
// nothing else explains is noted.
func (e *lockEvidence) longer() {
	slices.Sort(e.seen)
	for _, end := range e.ends {
		weak, from := !end.replaced && !e.reclaimed(end.at), end.at-lockLife.Milliseconds()
		if i, _ := slices.BinarySearch(e.seen, from); i > 0 && !weak {
			from = e.seen[i-1]
		}
		if l := (heldLock{span: span{from, end.at}, weak: weak, trace: end.trace}); e.wanted == nil || meets(e.wanted, l.span) {
			e.locks = append(e.locks, l)
		}
	}
	e.seen, e.ends, e.tail = nil, nil, -1
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
	// reported and noted say that it is a mark, or noted, by now.
	reported, noted bool
}

// lock notes that a lock was there from its writing until next, the key's next
// change; nil if it still is. Those of a key come together, the newest first.
func (e *lockEvidence) lock(v, next *Version) {
	from, tail := v.LastModified.UnixMilli(), e.tail
	l := heldLock{span: span{from, v.LastModified.Add(lockLife).UnixMilli()}, trace: trace(v)}
	if next != nil && !next.DeleteMarker && sameBytes(v, next) && tail >= 0 {
		// A repeated request: that lock's life began with the first.
		again := &e.locks[tail]
		again.from, again.to, again.trace = from, min(again.to, l.to), l.trace
		if e.wanted != nil {
			again.v = clone(v)
		}
		return
	}
	e.tail = -1
	if next != nil {
		l.to = min(l.to, next.LastModified.UnixMilli())
	}
	// restic uploads no lock in parts, and a server may date such a one to long before.
	if v.Size < shortest || uploadedInParts(v.ETag) || e.wanted != nil && !meets(e.wanted, l.span) {
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

// traceless reports whether a lock of that time may have gone and left nothing: it is
// older than what a drop has left, or a rule may have removed versions of that age.
func (e *lockEvidence) traceless(made time.Time) bool {
	return !e.since.IsZero() && made.Before(e.since) || e.reclaimed(made.UnixMilli())
}

// again voids the lock noted last: it was written under the name of a removed one, and
// restic gives every lock a new name.
func (e *lockEvidence) again() {
	if e.tail >= 0 {
		e.locks[e.tail].void = true
	}
}

// deleted notes that the delete marker v removed older.
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

// when returns the spans of time in which something was deleted.
func (e *lockEvidence) when() []span {
	spans := make([]span, 0, len(e.deletions))
	for _, d := range e.deletions {
		spans = append(spans, d.span)
	}
	return union(spans, lockSlack.Milliseconds())
}

// judges reports whether a lock for a deletion would have left something.
func (e *lockEvidence) judges(d *deletion) bool {
	if !e.beforeAny(d) {
		return true
	}
	return !e.since.IsZero() && d.from > e.since.Add(lockSlack).UnixMilli() && !e.reclaimed(d.to)
}

// beforeAny reports whether something was deleted before the first lock that anything
// is known of.
func (e *lockEvidence) beforeAny(d *deletion) bool {
	return e.first.IsZero() || d.to < e.first.Add(-lockSlack).UnixMilli()
}

// asksForRules reports whether anything depends on the rules.
func (e *lockEvidence) asksForRules() bool {
	if len(e.ends) > 0 {
		return true
	}
	for _, d := range e.deletions {
		if e.beforeAny(d) {
			return true
		}
	}
	return false
}

// covered returns when there were locks that explain something; weak asks for those
// that may never have been there, too.
func (e *lockEvidence) covered(weak bool) []span {
	var held []span
	for _, l := range e.locks {
		if !l.void && (weak || !l.weak) {
			held = append(held, l.span)
		}
	}
	return union(held, lockSlack.Milliseconds())
}

// unlocked returns the deletions that no lock covers, those of one type in one minute
// together, each only once.
func (e *lockEvidence) unlocked() []Suspicion {
	held := e.covered(true)
	return e.gather("deleted while no run held the lock for it", false, func(k deletedIn, d *deletion) bool {
		return !within(held, d.span) && e.judges(d)
	})
}

// doubtful returns the deletions of snapshots and keys that only a lock covers which
// may never have been there.
func (e *lockEvidence) doubtful() []Suspicion {
	all, sure := e.covered(true), e.covered(false)
	return e.gather("deleted, and of the lock for it only the removal is left, though no rule removes locks", true, func(k deletedIn, d *deletion) bool {
		return (k.t == TypeSnapshot || k.t == TypeKey) && within(all, d.span) && !within(sure, d.span)
	})
}

// gather returns those of the deletions that were not reported before.
func (e *lockEvidence) gather(what string, noted bool, is func(deletedIn, *deletion) bool) []Suspicion {
	type minuteOf struct {
		minute int64
		t      FileType
	}
	sums := make(map[minuteOf]*deletion)
	for k, d := range e.deletions {
		if d.reported || d.noted && noted || !is(k, d) {
			continue
		}
		d.reported, d.noted = !noted, noted
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
		s := Suspicion{
			Time: time.UnixMilli(d.from).UTC(), kind: kindOf(m.t), Reason: fmt.Sprintf("%d %s files were %s", d.n, m.t, what),
		}
		if d.n == 1 {
			s.Key, s.VersionID, s.Reason = d.key, d.version, fmt.Sprintf("a %s was %s", m.t, what)
		}
		if noted {
			s.kind = markNoted
		}
		found = append(found, s)
	}
	return found
}
