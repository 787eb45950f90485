package main

import (
	"fmt"
	"os"

	"github.com/cesnet/rwm/restic"
)

type resticRepairIndexCmd struct {
	writes
	ReadAllPacks bool `help:"Read all packs, not only those the index does not know."`
}

func (c resticRepairIndexCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.RepairIndex(a.ctx, restic.RepairIndexOptions{ReadAllPacks: c.ReadAllPacks, OnEvent: a.onEvent})
	a.bar.end()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(map[string]any{
			"added_packs": orEmpty(r.AddedPacks), "reindexed_packs": orEmpty(r.ReindexedPacks),
			"missing_packs": orEmpty(r.MissingPacks), "invalid_indexes": orEmpty(r.InvalidIndexes),
		})
	}
	a.say("done: %s added, %d reindexed, %d missing, %s replaced",
		count(len(r.AddedPacks), "pack"), len(r.ReindexedPacks), len(r.MissingPacks), count(len(r.InvalidIndexes), "unreadable index"))
	return nil
}

type resticRepairPacksCmd struct {
	writes
	IDs []string `arg:"" name:"pack" help:"IDs of damaged packs, as check lists them."`
}

func (resticRepairPacksCmd) Help() string {
	return "What is sound in the packs is stored anew, and the packs are removed. A copy of each stays in the current directory as pack-ID. Afterwards run repair snapshots --forget."
}

func (c resticRepairPacksCmd) Run(a *app) error {
	opts := restic.RepairPacksOptions{SaveCopy: savePack, OnEvent: a.onEvent}
	for _, text := range c.IDs {
		id, err := restic.ParseID(text)
		if err != nil {
			return usageError{err}
		}
		opts.Packs = append(opts.Packs, id)
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	a.say("saving copies of the packs to the current directory")
	if err := s.RepairPacks(a.ctx, opts); err != nil {
		return err
	}
	a.say("`rwm restic repair snapshots --forget` takes what is lost out of the snapshots")
	return nil
}

func savePack(id restic.ID, content []byte) error {
	f, err := os.OpenFile("pack-"+id.String(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f.Close()
}
