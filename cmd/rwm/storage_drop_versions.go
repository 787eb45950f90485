package main

import "github.com/cesnet/rwm/s3state"

type storageDropVersionsCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
}

func (storageDropVersionsCmd) Help() string {
	return `Wins back the space of what was deleted and overwritten. After it there is no way back to an older state: first make sure that the repository is complete, e.g. with rwm restic check --read-data. What becomes current while this runs is never removed.`
}

func (c storageDropVersionsCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().DropVersions(a.ctx, c.Bucket, s3state.DropOptions{OnEvent: a.onStorageEvent})
	a.bar.end()
	a.showBatch(err)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		out := map[string]any{
			"bucket": r.Bucket, "old_versions": r.OldVersions, "delete_markers": r.DeleteMarkers, "states": r.States, "bytes": r.Bytes,
		}
		if r.State != nil {
			out["state"] = newJSONState(*r.State)
		}
		return a.emit(out)
	}
	a.say("removed %d old versions and %d saved states (%s) and %d delete markers", r.OldVersions, r.States, formatBytes(r.Bytes), r.DeleteMarkers)
	if r.State != nil {
		a.say("saved %s version %s", r.State.Key, r.State.VersionID)
	}
	return nil
}
