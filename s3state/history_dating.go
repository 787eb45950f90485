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
	// Group is the host and the paths: a retention chooses among the snapshots of one
	// group.
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
	times := make(map[string]time.Time)
	for _, c := range h.claims {
		groups[c.Group] = append(groups[c.Group], c)
		times[c.key] = c.Time
	}
	var found []Suspicion
	for _, group := range groups {
		slices.SortFunc(group, func(a, b snapshotClaim) int { return cmp.Or(a.written.Compare(b.written), cmp.Compare(a.key, b.key)) })
		misdated := make([]bool, len(group))
		var newest time.Time // that an earlier one claims, none that lies in the future
		for i, c := range group {
			future := c.Time.Sub(c.written) > ahead
			// A changed copy has the time of its original.
			original, known := times["snapshots/"+c.Original]
			copied := known && original.Equal(c.Time) || !known && c.Original != "" && c.written.Before(dropped)
			misdated[i] = !copied && (future || newest.Sub(c.Time) > behind)
			if !future && c.Time.After(newest) {
				newest = c.Time
			}
		}
		for i, c := range group {
			if victim, ok := h.displaced(group, misdated, i); misdated[i] && ok {
				found = append(found, Suspicion{
					Time: c.written, Key: c.key, VersionID: c.version,
					Reason: fmt.Sprintf("a snapshot written %s claims the time %s, and the one before it (%s) was then removed as if by the retention",
						c.written.UTC().Format(time.RFC3339), c.Time.UTC().Format(time.RFC3339), victim.key),
				})
			}
		}
	}
	return found
}

// displaced finds a snapshot that was there before group[i] was written, went later,
// and has no real one between it and group[i].
func (h *timeline) displaced(group []snapshotClaim, misdated []bool, i int) (*snapshotClaim, bool) {
	liar := &group[i]
	var real *snapshotClaim // the last one before what the liar claims
	for j := range group {
		c := &group[j]
		if misdated[j] || c.written.After(liar.written) || c.Time.After(liar.Time) {
			continue
		}
		if gone, ok := h.gone.of(c.key); ok && gone.Before(liar.written) {
			continue
		}
		if real == nil || c.Time.After(real.Time) {
			real = c
		}
	}
	if real == nil {
		return nil, false
	}
	at, ok := h.gone.of(real.key)
	outlived := true
	if end, gone := h.gone.of(liar.key); gone && !end.After(at) {
		outlived = false
	}
	// It may have been changed (by tag, rewrite or repair): then what it became is
	// there, and all of a chain of changes name the first.
	for j := range group {
		c := &group[j]
		if c.Original == "" || !c.Time.Equal(real.Time) || !c.written.After(real.written) {
			continue
		}
		if "snapshots/"+c.Original == real.key || c.Original == real.Original {
			ok = false
		}
	}
	return real, ok && outlived
}
