package s3state

import (
	"fmt"
	"testing"
	"time"
)

// A clock that is off by an hour or two, as after a change to summer time or of the time
// zone, makes no lies of a host's snapshots, though the retention then removes others of
// the same day. One that goes back by a day does.
func TestClocksThatAreOff(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		from int // the first backup of that clock
		lies bool
	}{
		{time.Hour, 7, false}, {-time.Hour, 7, false}, {2 * time.Hour, 7, false}, {-2 * time.Hour, 7, false},
		{time.Hour, 0, false}, {-26 * time.Hour, 7, true}, {-50 * time.Hour, 7, true},
	} {
		h := newTimeline("b")
		// Three backups a day, and a retention that keeps the last of each day.
		last := make(map[string]int)
		for i := range 15 {
			written := at(i * 8 * 3600)
			claimed := written
			if i >= c.from {
				claimed = claimed.Add(c.off)
			}
			key := func(n int) string { return fmt.Sprintf("snapshots/%064x", n) }
			h.claims = append(h.claims, snapshotClaim{SnapshotClaim{Time: claimed, Group: "host", Tree: fmt.Sprint(i)}, key(i), "v", written})
			day := claimed.Format(time.DateOnly)
			gone := i
			if before, ok := last[day]; ok {
				if !claimed.Before(h.claims[before].Time) {
					gone, last[day] = before, i
				}
				h.gone.note(key(gone), written.Add(time.Minute))
			} else {
				last[day] = i
			}
		}
		if found := h.dated(); len(found) > 0 != c.lies {
			t.Errorf("%s from the backup %d on: %+v", c.off, c.from, found)
		}
	}
}

// A copy that tag or rewrite makes has the time of its original, which is no lie. That of
// a snapshot with a false time is one, however many are made; so is that of another host's
// with something else in it.
func TestCopiesOfLies(t *testing.T) {
	const written, retention = 10 * 86400, 10*86400 + 60
	key := func(n int) string { return fmt.Sprintf("snapshots/%064x", n) }
	claim := func(n, when, time int, group string, original int) snapshotClaim {
		c := snapshotClaim{SnapshotClaim{Time: at(time), Group: group, Tree: fmt.Sprint(n)}, key(n), "v", at(when)}
		if original > 0 {
			c.Original = key(original)[len("snapshots/"):]
		}
		return c
	}
	for name, c := range map[string]struct {
		claims []snapshotClaim
		gone   []int
		lies   bool
	}{
		"a copy of a lie":                {[]snapshotClaim{claim(3, written, 5000, "host", 0), claim(4, written+1, 5000, "host", 3)}, []int{1, 3}, true},
		"a copy of another host's":       {[]snapshotClaim{claim(3, 5000, 5000, "another", 0), claim(4, written, 5000, "host", 3)}, []int{1}, true},
		"a copy of one that was in time": {[]snapshotClaim{claim(3, 5000, 5000, "host", 0), claim(4, written, 5000, "host", 3)}, []int{1, 3}, false},
	} {
		h := newTimeline("b")
		h.claims = append(c.claims, claim(1, 1000, 1000, "host", 0), claim(2, 9*86400, 9*86400, "host", 0))
		for _, n := range c.gone {
			h.gone.note(key(n), at(retention))
		}
		if found := h.dated(); len(found) > 0 != c.lies {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
