package main

import (
	"errors"

	"github.com/cesnet/rwm/restic"
)

type resticCatCmd struct {
	reads
	Type string `arg:"" enum:"masterkey,config,pack,blob,snapshot,index,key,lock,tree" help:"What: config, masterkey, or pack, blob, snapshot, index, key, lock, tree with an ID."`
	ID   string `arg:"" optional:"" name:"ID" help:"ID of the object; for a tree also SNAPSHOT:FOLDER."`
}

func (c resticCatCmd) Run(a *app) error {
	if c.ID == "" && c.Type != "masterkey" && c.Type != "config" {
		return usageError{errors.New("an ID is needed to show a " + c.Type)}
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	content, err := s.Cat(a.ctx, catKinds[c.Type], c.ID)
	if content != nil {
		_, _ = a.stdout.Write(content)
		if c.Type != "pack" && c.Type != "blob" && c.Type != "tree" {
			a.println()
		}
	}
	return err
}

var catKinds = map[string]restic.ObjectKind{
	"masterkey": restic.ObjectMasterKey, "config": restic.ObjectConfig, "pack": restic.ObjectPack,
	"blob": restic.ObjectBlob, "snapshot": restic.ObjectSnapshot, "index": restic.ObjectIndex,
	"key": restic.ObjectKey, "lock": restic.ObjectLock, "tree": restic.ObjectTree,
}
