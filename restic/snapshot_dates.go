package restic

import (
	"fmt"
	"iter"
	"math"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
)

// DefaultDateTolerance is how far the time in a snapshot may be from the server's time
// of its object before [Misdated] reports it: a backup may take a day, and a host's
// clock may be off.
const DefaultDateTolerance = 48 * time.Hour

// StoredSnapshot is a snapshot and when its object was first written by the server's
// clock, which the host that wrote it cannot choose. A zero time is not known.
type StoredSnapshot struct {
	Snapshot Snapshot  `json:"snapshot"`
	Stored   time.Time `json:"stored"`
}

// MisdatedSnapshot is a snapshot whose own time is far from the server's. An attacker
// uses such snapshots to make a host's retention remove the genuine ones: those in the
// future shift the range that is kept, and backdated ones replace the genuine snapshot
// of a past day.
type MisdatedSnapshot struct {
	StoredSnapshot
	// AheadSeconds is how far the snapshot's time is after the server's; negative if
	// before.
	AheadSeconds float64 `json:"ahead_seconds"`
	// Claims is set if the snapshot says that it was made from another one (by tag,
	// rewrite, repair or copy), which is not among those given or has another time. A
	// copy from another repository is the honest case.
	Claims ID `json:"claims,omitzero"`
}

// Future reports whether the snapshot is dated into the future.
func (m MisdatedSnapshot) Future() bool { return m.AheadSeconds > 0 }

// String says what is wrong on one line.
func (m MisdatedSnapshot) String() string {
	where := "before"
	if m.Future() {
		where = "after"
	}
	text := fmt.Sprintf("snapshot %s claims the time %s, %.1f days %s it was written (%s)", m.Snapshot.ID.Short(),
		m.Snapshot.Time.Format(time.RFC3339), math.Abs(m.AheadSeconds)/86400, where, m.Stored.Format(time.RFC3339))
	if !m.Claims.IsZero() {
		text += fmt.Sprintf(", and to be made from %s, which is not known here", m.Claims.Short())
	}
	return text
}

// Misdated returns the snapshots whose time is more than tolerance (0 means
// DefaultDateTolerance) from the server's. Pass all snapshots that ever existed,
// including removed ones: a snapshot made by tag, rewrite or repair keeps the time of
// its original, and is not misdated if the original was dated correctly.
func Misdated(snapshots iter.Seq[StoredSnapshot], tolerance time.Duration) []MisdatedSnapshot {
	if tolerance <= 0 {
		tolerance = DefaultDateTolerance
	}
	off := func(s StoredSnapshot) time.Duration {
		ahead := s.Snapshot.Time.Sub(s.Stored)
		if s.Stored.IsZero() || ahead.Abs() <= tolerance {
			return 0
		}
		return ahead
	}
	right := map[ID]time.Time{} // the times of those that are rightly dated
	var wrong []MisdatedSnapshot
	for s := range snapshots {
		if ahead := off(s); ahead != 0 {
			wrong = append(wrong, MisdatedSnapshot{StoredSnapshot: s, AheadSeconds: ahead.Seconds()})
		} else if !s.Stored.IsZero() {
			right[s.Snapshot.ID] = s.Snapshot.Time
		}
	}
	// Of a chain of changes only the first snapshot was written at its own time, and
	// all name that one as their original.
	var out []MisdatedSnapshot
	for _, m := range wrong {
		original := m.Snapshot.Original
		if at, ok := right[original]; ok && at.Equal(m.Snapshot.Time) && !m.Future() {
			continue
		}
		m.Claims = original
		out = append(out, m)
	}
	return out
}

// Displaced returns the genuine snapshots that a retention removes only because of
// misdated ones: those that the policy keeps among the genuine and removes among all.
// by is how the retention groups, host and paths by default.
func Displaced(current []Snapshot, misdated []MisdatedSnapshot, policy Policy, by GroupBy) []Snapshot {
	if by == GroupByDefault {
		by = GroupByHost | GroupByPaths
	}
	bad := make(map[ID]bool, len(misdated))
	for _, m := range misdated {
		bad[m.Snapshot.ID] = true
	}
	var genuine []Snapshot
	for _, sn := range current {
		if !bad[sn.ID] {
			genuine = append(genuine, sn)
		}
	}
	keptAlone, keptAmongAll := kept(genuine, policy, by), kept(current, policy, by)
	var out []Snapshot
	for _, sn := range genuine {
		if keptAlone[sn.ID] && !keptAmongAll[sn.ID] {
			out = append(out, sn)
		}
	}
	return out
}

// kept applies a policy to snapshots as Forget does.
func kept(snapshots []Snapshot, policy Policy, by GroupBy) map[ID]bool {
	ids := make(map[*engdata.Snapshot]ID, len(snapshots))
	var list engdata.Snapshots
	for _, sn := range snapshots {
		e := &engdata.Snapshot{Time: sn.Time, Paths: append([]string(nil), sn.Paths...), Hostname: sn.Hostname, Tags: append([]string(nil), sn.Tags...)}
		ids[e] = sn.ID
		list = append(list, e)
	}
	keep := make(map[ID]bool, len(snapshots))
	for _, g := range groupSnapshots(list, by) {
		if policy.Empty() {
			for _, e := range g.list {
				keep[ids[e]] = true
			}
			continue
		}
		stay, _, _ := engdata.ApplyPolicy(g.list, policy.engine())
		for _, e := range stay {
			keep[ids[e]] = true
		}
	}
	return keep
}
