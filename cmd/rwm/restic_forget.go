package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cesnet/rwm/restic"
)

type resticForgetCmd struct {
	removes
	IDs []string `arg:"" optional:"" name:"snapshot" help:"Snapshots to remove, instead of a policy."`

	KeepLast          keepCount    `short:"l" help:"Keep the last N snapshots (or unlimited, as all counts)." placeholder:"N"`
	KeepHourly        keepCount    `short:"H" help:"Keep the last N hourly snapshots." placeholder:"N"`
	KeepDaily         keepCount    `short:"d" help:"Keep the last N daily snapshots." placeholder:"N"`
	KeepWeekly        keepCount    `short:"w" help:"Keep the last N weekly snapshots." placeholder:"N"`
	KeepMonthly       keepCount    `short:"m" help:"Keep the last N monthly snapshots." placeholder:"N"`
	KeepYearly        keepCount    `short:"y" help:"Keep the last N yearly snapshots." placeholder:"N"`
	KeepWithin        keepDuration `help:"Keep snapshots newer than DURATION (as 1y5m7d2h) before the latest." placeholder:"DURATION"`
	KeepWithinHourly  keepDuration `help:"Keep hourly snapshots newer than DURATION." placeholder:"DURATION"`
	KeepWithinDaily   keepDuration `help:"Keep daily snapshots newer than DURATION." placeholder:"DURATION"`
	KeepWithinWeekly  keepDuration `help:"Keep weekly snapshots newer than DURATION." placeholder:"DURATION"`
	KeepWithinMonthly keepDuration `help:"Keep monthly snapshots newer than DURATION." placeholder:"DURATION"`
	KeepWithinYearly  keepDuration `help:"Keep yearly snapshots newer than DURATION." placeholder:"DURATION"`
	KeepTag           []string     `sep:"none" help:"Keep snapshots with these tags, TAG[,TAG...] (repeatable)." placeholder:"TAG"`

	Host     []string `sep:"none" env:"RESTIC_HOST" help:"Consider snapshots of this HOST only (repeatable; '' considers all)." placeholder:"HOST"`
	Hostname []string `hidden:"" sep:"none" help:"Old name of --host."`
	tagPathFlags

	GroupBy              *string `short:"g" help:"Group snapshots by host, paths and/or tags, separated by comma (default: host,paths; '' disables grouping)." placeholder:"GROUP"`
	UnsafeAllowRemoveAll bool    `help:"Allow removing all snapshots of a group."`
	Compact              bool    `short:"c" help:"Use compact output format."`
	Prune                bool    `help:"Prune if snapshots have been removed."`
	pruneFlags
}

func (c resticForgetCmd) Run(a *app) error {
	opts, err := c.options()
	if err != nil {
		return usageError{err}
	}
	opts.OnEvent = func(ev restic.Event) {
		if decided, ok := ev.(restic.ForgetDecided); ok {
			a.showDecision(decided, opts.Policy, c.Compact)
			return
		}
		a.onPruneEvent(ev)
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	result, err := s.Forget(a.ctx, opts)
	if result != nil && a.cli.JSON && len(result.Groups) > 0 {
		_ = a.emit(result.Groups)
	}
	return err
}

func (c resticForgetCmd) options() (restic.ForgetOptions, error) {
	by, err := groupBy(c.GroupBy, restic.GroupByDefault)
	if err != nil {
		return restic.ForgetOptions{}, err
	}
	opts := restic.ForgetOptions{
		Filter:         c.filter(slices.Concat(c.Host, c.Hostname), c.IDs),
		GroupBy:        by,
		AllowRemoveAll: c.UnsafeAllowRemoveAll,
		DryRun:         c.DryRun,
		Policy: restic.Policy{
			Last: int(c.KeepLast), Hourly: int(c.KeepHourly), Daily: int(c.KeepDaily),
			Weekly: int(c.KeepWeekly), Monthly: int(c.KeepMonthly), Yearly: int(c.KeepYearly),
			Within: c.KeepWithin.Duration, WithinHourly: c.KeepWithinHourly.Duration, WithinDaily: c.KeepWithinDaily.Duration,
			WithinWeekly: c.KeepWithinWeekly.Duration, WithinMonthly: c.KeepWithinMonthly.Duration, WithinYearly: c.KeepWithinYearly.Duration,
		},
	}
	opts.Filter.IgnoreMissing = true
	for _, list := range c.KeepTag {
		tags := restic.ParseTagList(list)
		if slices.Contains(tags, "") { // as "$TAGS," with TAGS not set
			return opts, fmt.Errorf("--keep-tag: %q has an empty tag, which no tagged snapshot has", list)
		}
		opts.Policy.Tags = append(opts.Policy.Tags, tags)
	}
	prune, err := c.pruneFlags.options()
	if c.Prune {
		opts.Prune = &prune
	}
	return opts, err
}

// keepCount is a number of snapshots or "unlimited".
type keepCount int

func (k *keepCount) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*k = restic.KeepAll
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a number of snapshots; use a number or unlimited", text)
	}
	*k = keepCount(n)
	return nil
}

type keepDuration struct{ restic.Duration }

func (d *keepDuration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = restic.ParseDuration(string(text))
	return err
}

func (a *app) onForgetEvent(ev restic.Event) {
	if removed, ok := ev.(restic.SnapshotRemoved); ok {
		a.trace("removed snapshot/%s", removed.ID)
		return
	}
	a.onEvent(ev)
}

// showDecision says what is kept and what goes, before it does.
func (a *app) showDecision(d restic.ForgetDecided, policy restic.Policy, compact bool) {
	if a.cli.JSON || a.cli.Quiet {
		return
	}
	if d.Groups != nil {
		a.say("Applying Policy: %v", policy)
	}
	for _, g := range d.Groups {
		a.showGroup(restic.SnapshotGroupKey{Hostname: g.Host, Paths: g.Paths, Tags: g.Tags})
		reasons := make(map[restic.ID][]string)
		for _, why := range g.Reasons {
			reasons[why.Snapshot.ID] = why.Matches
		}
		for _, part := range []struct {
			what    string
			list    []restic.Snapshot
			reasons map[restic.ID][]string
		}{{"keep", g.Keep, reasons}, {"remove", g.Remove, nil}} {
			if len(part.list) > 0 {
				list := slices.Clone(part.list)
				slices.Reverse(list) // the newest last, where the eye is
				a.say("%s %d snapshots:", part.what, len(list))
				a.showSnapshots(list, part.reasons, compact)
				a.say("")
			}
		}
	}
	if d.DryRun && len(d.Remove) > 0 {
		var short []string
		for _, id := range d.Remove {
			short = append(short, id.Short())
		}
		a.say("Would have removed the following snapshots:\n{%s}\n", strings.Join(short, " "))
	}
}
