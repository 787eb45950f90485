package s3state

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// SnapshotClaim is what a snapshot claims about itself.
type SnapshotClaim struct {
	Time time.Time
	// Group stands for the host and the paths: a retention chooses among the snapshots
	// of one group. It is held for every snapshot, so it should be a hash.
	Group string
	// Original is the snapshot that it is a changed copy of, "" if none.
	Original string
	// Tree is its tree. Size is the size that it states, zero if it states none.
	Tree string
	Size SnapshotSize
}

// snapshotClaim is one with its version.
type snapshotClaim struct {
	SnapshotClaim
	key, version string
	written      time.Time // by the server's clock
}

func (c *snapshotClaim) name() string {
	return stateVersionName(&SavedState{Key: c.key, VersionID: c.version})
}

const (
	// ahead is how far the clock of a host may be ahead before a snapshot's time is
	// taken for a lie. Clocks are an hour or two off after a change of the time zone, or
	// to summer time. By such a lie an attacker gains nothing of what was saved before:
	// the retention removes for it what the host saves in those hours.
	ahead = 3 * time.Hour
	// behind is how much earlier than others a snapshot may be that was written later.
	behind = 30 * time.Minute
)

// dated finds the snapshots whose times are lies that made the host's own retention
// remove real ones: of each day, week or month the retention keeps the last. So it
// marks a snapshot that claims to be right after another one of its group, was written
// later than that, outlived it, and has a time which does not fit the order of writing.
func (h *timeline) dated() []Suspicion {
	// Before the oldest state that there is, versions may have been dropped, and with
	// them the snapshots that others were made from.
	var dropped time.Time
	if len(h.res.States) > 0 {
		dropped = h.res.States[0].Time
	}
	groups := make(map[string][]snapshotClaim)
	for _, c := range h.claims {
		groups[c.Group] = append(groups[c.Group], c)
	}
	odd := make(map[string]bool) // by key: its time does not fit
	for _, group := range groups {
		slices.SortFunc(group, func(a, b snapshotClaim) int { return cmp.Or(a.written.Compare(b.written), cmp.Compare(a.key, b.key)) })
		var newest time.Time // that an earlier one claims, none that lies in the future
		for _, c := range group {
			future := c.Time.Sub(c.written) > ahead
			if future || newest.Sub(c.Time) > behind {
				odd[c.key] = true
			}
			if !future && c.Time.After(newest) {
				newest = c.Time
			}
		}
	}
	byKey := make(map[string]snapshotClaim)
	for _, c := range h.claims {
		byKey[c.key] = c
	}
	// A changed copy has the time of its original. That must be no lie itself, nor
	// another host's, which may have been saved at any time.
	copied := func(c *snapshotClaim) bool {
		o, known := byKey["snapshots/"+c.Original]
		if !known {
			return c.Original != "" && c.written.Before(dropped)
		}
		return o.Time.Equal(c.Time) && !odd[o.key] && (o.Group == c.Group || o.Tree == c.Tree)
	}
	var found []Suspicion
	for _, group := range groups {
		misdated := make([]bool, len(group))
		for i := range group {
			misdated[i] = odd[group[i].key] && !copied(&group[i])
		}
		found = append(found, h.displacing(group, misdated)...)
	}
	return found
}

// displacing finds the misdated snapshots of a group, sorted by when they were written,
// for which a genuine one was removed. An attacker writes any number of either, so none
// is compared with all others.
func (h *timeline) displacing(group []snapshotClaim, misdated []bool) (found []Suspicion) {
	copies := copiesOf(group)
	var there []int // the genuine ones written so far, in the order of what they claim
	next := 0
	for i := range group {
		liar := &group[i]
		if !misdated[i] {
			continue
		}
		for ; next < len(group) && !group[next].written.After(liar.written); next++ {
			if !misdated[next] {
				there = claimed(there, group, next)
			}
		}
		at := endOfClaims(there, group, liar.Time)
		for at > 0 && h.goneBefore(&group[there[at-1]], liar.written) {
			there = slices.Delete(there, at-1, at)
			at--
		}
		if at == 0 {
			continue
		}
		victim := &group[there[at-1]] // the last one before what the liar claims
		gone, ok := h.gone.of(victim.key)
		if end, also := h.gone.of(liar.key); !ok || copies.changed(victim) || also && !end.After(gone) {
			continue
		}
		if liar.Tree != "" && liar.Tree == victim.Tree {
			// It has what the other had, as after a rewrite with another time, and may
			// be displaced itself.
			misdated[i] = false
			there = claimed(there, group, i)
			continue
		}
		found = append(found, Suspicion{
			Time: liar.written, Key: liar.key, VersionID: liar.version,
			Reason: fmt.Sprintf("a snapshot written %s claims the time %s, and the one before it (%s) was then removed as if by the retention",
				liar.written.UTC().Format(time.RFC3339), liar.Time.UTC().Format(time.RFC3339), victim.key),
		})
	}
	return found
}

func (h *timeline) goneBefore(c *snapshotClaim, at time.Time) bool {
	gone, ok := h.gone.of(c.key)
	return ok && gone.Before(at)
}

// claimed adds a snapshot to those in the order of what they claim; before those that
// claim the same.
func claimed(order []int, group []snapshotClaim, n int) []int {
	at, _ := slices.BinarySearchFunc(order, group[n].Time, func(i int, t time.Time) int { return group[i].Time.Compare(t) })
	return slices.Insert(order, at, n)
}

// endOfClaims is how many of them claim a time or an earlier one.
func endOfClaims(order []int, group []snapshotClaim, t time.Time) int {
	at, _ := slices.BinarySearchFunc(order, t, func(i int, t time.Time) int {
		if group[i].Time.After(t) {
			return 1
		}
		return -1
	})
	return at
}

// copies are when changed copies of snapshots were written, the last of each.
type copies map[copyOf]time.Time

type copyOf struct {
	original string
	second   int64
	nano     int
}

func copiesOf(group []snapshotClaim) copies {
	all := make(copies)
	for i := range group {
		if c := &group[i]; c.Original != "" {
			of := copyOf{c.Original, c.Time.Unix(), c.Time.Nanosecond()}
			all[of] = later(all[of], c.written)
		}
	}
	return all
}

// changed reports whether a snapshot was changed by tag, rewrite or repair: then what it
// became is there, and all of a chain of changes name the first.
func (a copies) changed(c *snapshotClaim) bool {
	is := func(original string) bool {
		return original != "" && a[copyOf{original, c.Time.Unix(), c.Time.Nanosecond()}].After(c.written)
	}
	return is(resticID(c.key)) || is(c.Original)
}
