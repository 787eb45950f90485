package restic

import (
	"fmt"

	engdata "github.com/restic/restic/rwmlink/data"
)

// KeepAll as a count of a Policy keeps all snapshots of that kind.
const KeepAll = -1

// Policy selects the snapshots of a group to keep. A snapshot is kept if any rule keeps
// it.
//
// The rules are those of restic's --keep-… options: a count of N keeps the newest
// snapshot of each of the last N hours, days, … that have one, KeepAll all of them; a
// Within… duration is counted back from the newest snapshot of the group that does not
// lie in the future. While a count is not used up the oldest snapshot is kept too.
type Policy struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly int

	// Within keeps all snapshots of the duration, the others one for each hour, day, …
	Within, WithinHourly, WithinDaily, WithinWeekly, WithinMonthly, WithinYearly Duration

	// Tags keeps snapshots that have all tags of at least one of the lists.
	Tags []TagList
}

// Empty reports whether the policy keeps nothing at all.
func (p Policy) Empty() bool { return p.engine().Empty() }

// String describes the policy.
func (p Policy) String() string { return p.engine().String() }

func (p Policy) check() error {
	for name, n := range map[string]int{
		"last": p.Last, "hourly": p.Hourly, "daily": p.Daily,
		"weekly": p.Weekly, "monthly": p.Monthly, "yearly": p.Yearly,
	} {
		if n < KeepAll {
			return fmt.Errorf("invalid retention policy: keep %s snapshots: %d is negative", name, n)
		}
	}
	for name, d := range map[string]Duration{
		"within": p.Within, "within-hourly": p.WithinHourly, "within-daily": p.WithinDaily,
		"within-weekly": p.WithinWeekly, "within-monthly": p.WithinMonthly, "within-yearly": p.WithinYearly,
	} {
		if d.negative() {
			return fmt.Errorf("invalid retention policy: keep %s: duration %v is negative", name, d)
		}
	}
	return nil
}

func (p Policy) engine() engdata.ExpirePolicy {
	e := engdata.ExpirePolicy{
		Last:          p.Last,
		Hourly:        p.Hourly,
		Daily:         p.Daily,
		Weekly:        p.Weekly,
		Monthly:       p.Monthly,
		Yearly:        p.Yearly,
		Within:        p.Within.engine(),
		WithinHourly:  p.WithinHourly.engine(),
		WithinDaily:   p.WithinDaily.engine(),
		WithinWeekly:  p.WithinWeekly.engine(),
		WithinMonthly: p.WithinMonthly.engine(),
		WithinYearly:  p.WithinYearly.engine(),
	}
	for _, tags := range p.Tags {
		e.Tags = append(e.Tags, engdata.TagList(tags))
	}
	return e
}

// KeepReason lists the rules that keep a snapshot.
type KeepReason struct {
	Snapshot Snapshot `json:"snapshot"`
	// Matches names the rules, for example "daily snapshot" or "within 7d".
	Matches []string `json:"matches"`
}

// ForgetGroup is what the policy decides about one group of snapshots, the newest
// first. Encoded as JSON it has the fields `restic forget --json` prints.
type ForgetGroup struct {
	Tags    []string     `json:"tags"`
	Host    string       `json:"host"`
	Paths   []string     `json:"paths"`
	Keep    []Snapshot   `json:"keep"`
	Remove  []Snapshot   `json:"remove"`
	Reasons []KeepReason `json:"reasons"` // one for each snapshot of Keep, in the same order
}

// applyPolicy decides about one group. It never lets a policy remove all of a group.
func applyPolicy(g snapshotGroup, p Policy) (ForgetGroup, error) {
	keep, remove, reasons := engdata.ApplyPolicy(g.list, p.engine())
	out := ForgetGroup{Tags: g.key.Tags, Host: g.key.Hostname, Paths: g.key.Paths}
	if len(keep) == 0 && !p.Empty() {
		return out, fmt.Errorf("the policy (%v) would remove all snapshots of %q: nothing was removed", p, g.key.String())
	}
	if len(keep) > 0 {
		out.Keep = newSnapshots(keep)
	}
	if len(remove) > 0 {
		out.Remove = newSnapshots(remove)
	}
	for _, r := range reasons {
		out.Reasons = append(out.Reasons, KeepReason{Snapshot: newSnapshot(r.Snapshot), Matches: r.Matches})
	}
	return out, nil
}
