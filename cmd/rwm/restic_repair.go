package main

import "github.com/cesnet/rwm/restic"

type resticRepairCmd struct {
	Index     resticRepairIndexCmd     `cmd:"" help:"Build the index anew from the packs."`
	Packs     resticRepairPacksCmd     `cmd:"" help:"Save what is sound in damaged packs."`
	Snapshots resticRepairSnapshotsCmd `cmd:"" help:"Make snapshots whole again by leaving out what is lost."`
}

func (resticRepairCmd) Help() string {
	return `In this order, and only after rwm restic check has named the damage: index, packs,
snapshots. With a policed bucket there is often a better way: an older state of the
bucket still has what is damaged now (rwm storage-restore-state).`
}

type resticRepairSnapshotsCmd struct {
	rewrites
	IDs    []string `arg:"" optional:"" name:"snapshot" help:"Snapshots to repair, instead of all that the filters leave."`
	Forget bool     `help:"Remove the originals of repaired snapshots."`
	snapshotFlags
}

func (resticRepairSnapshotsCmd) Help() string {
	return `What is lost is left out for good: files are shorter, directories empty. A new backup of
the same files heals old snapshots and is the better way while they exist. Run repair
index first.`
}

func (c resticRepairSnapshotsCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.RepairSnapshots(a.ctx, restic.RepairSnapshotsOptions{
		Filter: c.many(c.IDs), DryRun: c.DryRun, Forget: c.Forget, OnEvent: a.onRepairEvent,
	})
	if r != nil {
		a.showRewrite(r)
	}
	return err
}

func (a *app) onRepairEvent(ev restic.Event) {
	repair, ok := ev.(restic.Repair)
	switch {
	case !ok:
		a.onRewriteEvent(ev)
	case a.cli.JSON:
		_ = a.emit(map[string]string{
			"message_type": "repair", "snapshot": repair.Snapshot.String(), "path": repair.Path, "action": string(repair.Kind),
		})
	default:
		a.say("snapshot %s: %s: %s", repair.Snapshot.Short(), printable(repair.Path), repair.Kind)
	}
}
