package main

import (
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageCreateCmd struct {
	Bucket string `arg:"" help:"Name of the new bucket."`
	policedFlags
}

// policedFlags are those of the commands that make a policed bucket.
type policedFlags struct {
	TargetUsername string `arg:"" name:"target-username" help:"The host's user, who gets access to objects but not to versions: a name in the admin's tenant, or an ARN."`
	Admin          string `help:"Your own principal, where the server does not tell it: on AWS arn:aws:iam::ACCOUNT:user/NAME, in an account of Ceph your user's name." placeholder:"ARN"`
	lockFlags
	keeperFlag
	Sealed bool `help:"Keep the host from reading file data back (see storage-seal)."`
	lockModeFlag
}

type lockModeFlag struct {
	LockMode string `help:"compliance, which nobody can undo, or governance, for trials." enum:"compliance,governance" default:"compliance"`
}

func (storageCreateCmd) Help() string {
	return `Run with the admin's credentials. The bucket keeps all versions, belongs to the admin,
and its policy gives the host just what restic needs. An existing bucket is never
touched.

  rwm --config admin.conf storage-create backups host1

With --lock, what is in the bucket at any moment can be restored for that many more
days, even after an attack with all keys, the admin's included (docs/worm.md). The lock
is tried out before the bucket is said to be locked.

  rwm --config admin.conf storage-create backups host1 --lock 30d --keeper keeper1

With --sealed, the host backs up but cannot read file data back (docs/sealed.md). Name a
keeper, too: it prunes.`
}

func (c storageCreateCmd) Run(a *app) error {
	lock, err := c.options(c.LockMode)
	if err != nil {
		return err
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	m, err := a.managerOf(cfg, nil, rwm.WithStoreOptions(s3state.WithAdminPrincipal(c.Admin)))
	if err != nil {
		return err
	}
	r, err := m.Storage().Create(a.ctx, c.Bucket, c.TargetUsername, s3state.CreateOptions{
		Lock: lock, Keeper: c.Keeper, Sealed: c.Sealed, OnEvent: a.onStorageEvent,
	})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		out := map[string]any{
			"bucket": r.Bucket, "admin": r.Admin, "target": r.Target, "policy_ok": r.Check.OK, "public_access_block": r.PublicAccessBlock,
		}
		if r.Keeper != "" {
			out["keeper"] = r.Keeper
		}
		if r.Check.Sealed {
			out["sealed"] = s3state.Sealed
		}
		if r.Lock != nil {
			out["lock"], out["lock_refused"], out["lock_gap"] = r.Lock, r.LockProof.Refused, r.LockProof.Gap
		}
		return a.emit(out)
	}
	a.say("created bucket %s: versioning is on, admin %s, target user %s", r.Bucket, r.Admin, r.Target)
	if r.Keeper != "" {
		a.say("keeper %s", r.Keeper)
	}
	if r.Check.Sealed {
		a.say("sealed: the host cannot read file data back")
	}
	a.sayLocked(r.Bucket, r.Keeper, r.Lock, r.LockProof)
	return nil
}
