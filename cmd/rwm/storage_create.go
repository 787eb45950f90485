package main

import "github.com/cesnet/rwm/s3state"

type storageCreateCmd struct {
	Bucket         string `arg:"" help:"Name of the new bucket."`
	TargetUsername string `arg:"" name:"target-username" help:"User who may read and write objects in it, but not touch versions: the host's. A name in the admin's tenant, or an ARN."`
}

func (storageCreateCmd) Help() string {
	return `Run with the admin's credentials. The bucket keeps all versions, belongs to the admin, and its policy gives the host just what restic needs. An existing bucket is never touched.

  rwm --config admin.conf storage-create backups host1`
}

func (c storageCreateCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().Create(a.ctx, c.Bucket, c.TargetUsername, s3state.CreateOptions{OnEvent: a.onStorageEvent})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(map[string]any{
			"bucket": r.Bucket, "admin": r.Admin, "target": r.Target, "policy_ok": r.Check.OK, "public_access_block": r.PublicAccessBlock,
		})
	}
	a.say("created bucket %s: versioning is on, admin %s, target user %s", r.Bucket, r.Admin, r.Target)
	return nil
}
