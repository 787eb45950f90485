package main

import "github.com/cesnet/rwm/s3state"

type storageDeleteCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
}

func (storageDeleteCmd) Help() string {
	return "Removes everything in the bucket for good, including saved states and old versions. Failures are listed, and then the bucket stays."
}

func (c storageDeleteCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().Delete(a.ctx, c.Bucket, s3state.DeleteOptions{OnEvent: a.onStorageEvent})
	a.bar.end()
	a.showBatch(err)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(map[string]any{
			"bucket": r.Bucket, "removed": r.BucketRemoved, "versions": r.Versions, "delete_markers": r.DeleteMarkers, "bytes": r.Bytes,
		})
	}
	a.say("deleted bucket %s: %s (%s) and %s", r.Bucket, count(r.Versions, "version"), formatBytes(r.Bytes), count(r.DeleteMarkers, "delete marker"))
	return nil
}
