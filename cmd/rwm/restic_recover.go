package main

import "github.com/cesnet/rwm/restic"

type resticRecoverCmd struct{ writes }

func (resticRecoverCmd) Help() string {
	return "Looks for directories that no snapshot refers to, such as those of removed snapshots before a prune, and makes one snapshot of all of them."
}

func (resticRecoverCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.Recover(a.ctx, restic.RecoverOptions{OnEvent: a.onEvent})
	a.bar.end()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		out := map[string]any{"roots": orEmpty(r.Roots)}
		if !r.SnapshotID.IsZero() {
			out["snapshot_id"] = r.SnapshotID
		}
		return a.emit(out)
	}
	a.printf("found %d unreferenced roots\n", len(r.Roots))
	if r.SnapshotID.IsZero() {
		a.say("no snapshot to write.")
		return nil
	}
	a.printf("saved new snapshot %s\n", r.SnapshotID.Short())
	return nil
}
