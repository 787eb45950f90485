package s3state

import (
	"fmt"
	"time"
)

type timeline struct {
	res        *History
	found      suspicions
	newer      Version // the previous entry; an older one of its key may come next
	above      Version // the key's previous object version, if any
	minutes    map[int64]*minute
	strangers  suspicions // objects that do not belong, if this is a repository
	repository bool
	prefixes   atPrefixes
	configs    []replacedConfig
	evidence   lockEvidence
	unread     recent // candidates for reading
	confirmed  bool   // only confirmed states are named as good

	overwrote recent                // what has replaced other content, to be read
	rightOnes map[[16]byte]struct{} // of them
	config    time.Time             // when the first config was written
	keys      []time.Time           // when keys were
	keysGone  []keyGone
	gone      snapshotsGone
	claims    []snapshotClaim // what snapshots say of themselves
	twice     twice
	unheld    map[*SavedState]bool // of res.States: those that name something else than was proved
	newest    time.Time            // anything that was recorded
	first     time.Time            // the first pack or snapshot that there still is a version of
	reviewed  time.Time            // marks until then were looked at

	provedUntil time.Time // by an earlier History

	lasting time.Time // the first mark that only a person settles
	proving bool      // a Prover judges what marks can be settled by a proof
	proof   *Proof    // its outcome, nil before
	good    time.Time // the latest moment that it proved
	inParts bool      // something current was overwritten by an upload in parts
	nowBad  bool      // what is current was looked at for that, and does not hold
	fails   *Proof    // the oldest moment after that which does not hold
}

// replacedConfig is a config that was overwritten with something else: suspicious until
// an Inspector that knows the password says that it is the repository's.
type replacedConfig struct {
	Version
	before *Version // what it replaced
	reason string
	right  bool
}

func newTimeline(bucket string) *timeline {
	return &timeline{
		minutes: make(map[int64]*minute), res: &History{Bucket: bucket}, evidence: lockEvidence{tail: -1},
		unheld: make(map[*SavedState]bool),
	}
}

// take goes through the next entries of the listing. Those of a key come together, the
// newest first.
func (h *timeline) take(entries []Version) {
	for i := range entries {
		v := &entries[i]
		if isState(v) {
			h.res.States = append(h.res.States, savedState(h.res.Bucket, v))
		}
		if v.LastModified.After(h.newest) {
			h.newest = v.LastModified
		}
		h.twice.note(v)
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
func (h *timeline) end(gap time.Duration) {
	if h.newer.Key != "" {
		h.change(&h.newer, nil)
	}
	if sortStates(h.res.States); len(h.res.States) > 0 {
		h.evidence.since = h.res.States[0].Time
	}
	h.steps(gap)
	h.sum()
}

// change notes what v did to the object that older was, nil for none.
func (h *timeline) change(v, older *Version) {
	t, was := TypeOf(v.Key), older != nil && !older.DeleteMarker
	if t == TypeLock {
		h.evidence.known(v)
		if !v.DeleteMarker && v.IsLatest {
			h.evidence.lock(v, nil)
		}
		if was {
			h.evidence.lock(older, v)
		} else if v.DeleteMarker && older == nil {
			if h.above.Key == v.Key {
				// What the marker removed is gone: a rule may have taken it. A request
				// that came late may do the same as an attacker, so it is noted only.
				h.evidence.again()
				h.suspect(mark(&h.above, "a lock was written again after it had been removed, so it explains nothing", markNoted))
			}
			h.evidence.unknown(v)
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
	switch {
	case t == TypeConfig:
		h.repository = true
		if c != Deleted {
			h.config = v.LastModified // the oldest comes last
		}
	case t == TypeKey && c != Deleted && len(h.keys) < mostTwice:
		h.keys = append(h.keys, v.LastModified)
	}
	if c == Deleted && v.LastModified.After(m.deletions[t]) {
		m.deletions[t] = v.LastModified
	}
	if (t == TypeSnapshot || t == TypePack) && c != Deleted && (h.first.IsZero() || v.LastModified.Before(h.first)) {
		h.first = v.LastModified
	}
	if t == TypeSnapshot && c == Written && v.LastModified.After(m.snapshot) {
		m.snapshot = v.LastModified
	}
	if t == TypeSnapshot && c == Deleted {
		h.gone.note(v.Key, v.LastModified)
	}
	switch reason := suspicious(t, c, v); {
	case t == TypeConfig && c == Overwritten && len(h.configs) < maxListed && v.Size <= largestConfig:
		h.configs = append(h.configs, replacedConfig{Version: *v, before: clone(older), reason: reason})
	case reason != "" && c == Overwritten && resticID(v.Key) != "":
		h.overwrote.add(v)
		kind := settles(t, v)
		h.inParts = h.inParts || kind == markInParts
		h.suspect(mark(v, reason, kind))
	case reason != "":
		h.suspect(mark(v, reason, kindOf(t)))
	case c == Deleted && t == TypeKey && len(h.keysGone) < mostTwice:
		h.keysGone = append(h.keysGone, keyGone{v.Key, v.VersionID, v.LastModified, older.LastModified})
	case c == Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot || t == TypePack):
		h.evidence.deleted(t, v, older)
	case c != Deleted && (t == TypeKey || t == TypeIndex || t == TypeSnapshot):
		h.unread.add(v)
	}
	if t == TypeOther {
		h.prefixes.note(v, c)
	}
	if t == TypeOther && c != Deleted {
		h.strangers.add(mark(v, "it does not belong to a restic repository", markStranger))
	}
}

// writtenAgain compares a version with what its key held before it was deleted. restic
// names objects by their hashes, so the two must be the same; and it never writes a
// lock again.
func (h *timeline) writtenAgain(v, before *Version) {
	switch t := TypeOf(v.Key); t {
	case TypeOther, TypeState, TypeCanary, TypeTree:
	case TypeLock:
		h.evidence.again()
		h.suspect(mark(v, "a lock was written again after it had been removed", markLasting))
	default:
		if !sameBytes(v, before) && v.Size >= shortest { // a shorter one is marked already
			if resticID(v.Key) != "" {
				h.overwrote.add(v)
			}
			kind := settles(t, v)
			h.inParts = h.inParts || kind == markInParts
			h.suspect(mark(v, fmt.Sprintf("a %s was deleted and written again as something else", t), kind))
		}
	}
}

func (h *timeline) at(t time.Time) *minute {
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

func (h *timeline) suspect(s Suspicion) { h.found.add(s) }

// mark is a Suspicion of a version.
func mark(v *Version, reason string, kind markKind) Suspicion {
	return Suspicion{Time: v.LastModified, Key: v.Key, VersionID: v.VersionID, Reason: reason, kind: kind}
}

// right clears a config that replaced another one: it is the repository's, as after a
// migration.
func (h *timeline) right(c *replacedConfig) { c.right = true }

// rightContent notes that a version was read and is what its name says: a repeated
// request, another way to upload, or a repair. clearRight clears the marks on it.
func (h *timeline) rightContent(v *Version) {
	if h.rightOnes == nil {
		h.rightOnes = make(map[[16]byte]struct{})
	}
	h.rightOnes[keepID(v.Key, v.VersionID)] = struct{}{}
}

func (h *timeline) clearRight() {
	h.found.remove(h.rightOnes)
	h.rightOnes = nil
}
