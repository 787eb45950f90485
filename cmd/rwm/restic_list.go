package main

import "github.com/cesnet/rwm/restic"

type resticListCmd struct {
	reads
	Kind string `arg:"" enum:"blobs,packs,index,snapshots,keys,locks" help:"What: blobs, packs, index, snapshots, keys or locks."`
}

func (c resticListCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	return s.ListObjects(a.ctx, restic.ObjectKind(c.Kind), func(o restic.Object) error {
		switch {
		case a.cli.JSON:
			return a.emit(o)
		case o.Kind == restic.ObjectBlob:
			a.println(o.Blob, o.ID)
		default:
			a.println(o.ID)
		}
		return a.ctx.Err()
	})
}
