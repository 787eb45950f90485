package main

import (
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
)

type resticRewriteCmd struct {
	rewrites
	IDs []string `arg:"" optional:"" name:"snapshot" help:"Snapshots to rewrite, instead of all that the filters leave."`
	excludeFlags
	includeFlags
	NewHost         string `help:"Replace the host name." placeholder:"HOST"`
	NewTime         string `help:"Replace the time, as '2012-11-01 22:08:41'." placeholder:"TIME"`
	SnapshotSummary bool   `short:"s" help:"Add a summary to snapshots that have none."`
	Forget          bool   `help:"Remove the original snapshots."`
	snapshotFlags
}

func (resticRewriteCmd) Help() string {
	return `Makes new snapshots without some files, or with another host or time. Without --forget
the originals stay and the new ones get the tag "rewrite". The next prune removes the
data.

  rwm restic rewrite --exclude '*.iso' --forget --dry-run`
}

func (c resticRewriteCmd) Run(a *app) error {
	opts := restic.RewriteOptions{
		Filter: c.many(c.IDs), Patterns: patterns(c.excludeFlags, c.includeFlags),
		NewHost: c.NewHost, Summary: c.SnapshotSummary, Forget: c.Forget, DryRun: c.DryRun, OnEvent: a.onRewriteEvent,
	}
	if c.NewTime != "" {
		t, err := time.ParseInLocation(timeFormat, c.NewTime, time.Local)
		if err != nil {
			return usageError{fmt.Errorf("--new-time: %q is not a time like '2012-11-01 22:08:41'", c.NewTime)}
		}
		opts.NewTime = t
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.Rewrite(a.ctx, opts)
	if r != nil {
		a.showRewrite(r)
	}
	return err
}

// onRewriteEvent names each new snapshot, as restic does.
func (a *app) onRewriteEvent(ev restic.Event) {
	replaced, ok := ev.(restic.SnapshotReplaced)
	switch {
	case !ok || a.cli.JSON:
		a.onReplaceEvent(ev)
	case replaced.New.IsZero():
		a.say("snapshot %s: would save new snapshot", replaced.Old.Short())
	default:
		a.say("snapshot %s: saved new snapshot %s", replaced.Old.Short(), replaced.New.Short())
	}
}

// showRewrite prints what rewrite and repair snapshots have done.
func (a *app) showRewrite(r *restic.RewriteResult) {
	a.bar.end()
	if a.cli.JSON {
		_ = a.emit(map[string]any{
			"message_type": "summary", "dry_run": r.DryRun, "changed_snapshots": len(r.Changed),
			"removed_snapshots": len(r.Emptied), "unchanged_snapshots": r.Unchanged,
		})
		return
	}
	would := yesNo(r.DryRun, "would be ", "")
	for _, id := range r.Emptied {
		a.say("snapshot %s %s", id.Short(), yesNo(r.DryRun, "would be removed: nothing is left of it", "was removed: nothing was left of it"))
	}
	if len(r.Changed)+len(r.Emptied) == 0 {
		a.say("no snapshots %smodified", yesNo(r.DryRun, would, "were "))
		return
	}
	a.say("%s %d snapshots", yesNo(r.DryRun, "would modify", "modified"), len(r.Changed)+len(r.Emptied))
}
