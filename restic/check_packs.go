package restic

import (
	"context"
	"errors"
	"slices"
	"strings"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// checkPacks compares the packs in the storage with those the index knows.
func (c *checkRun) checkPacks(ctx context.Context) error {
	known := engrestic.NewIDSet()
	err := c.repo.ListBlobs(ctx, func(pb engrestic.PackedBlob) { known.Insert(pb.PackID) })
	if err != nil {
		return err
	}
	c.res.Packs = len(known)

	errs := make(chan error)
	go c.repo.Checker().Packs(ctx, errs)
	var failed error
	for err := range errs {
		var pe *engrepository.PackError
		switch {
		case !errors.As(err, &pe):
			failed = errors.Join(failed, err) // the listing itself
		case pe.Orphaned:
			c.add(Finding{Kind: PackNotIndexed, Pack: ID(pe.ID)})
			c.res.SuggestPrune = true
		case pe.Truncated:
			c.add(Finding{Kind: PackSizeWrong, Pack: ID(pe.ID), Err: pe.Err})
			c.damagedPack(pe.ID)
			c.bad.suspects.Insert(pe.ID)
		default:
			c.add(Finding{Kind: PackMissing, Pack: ID(pe.ID), Err: pe.Err})
			c.bad.lost.Insert(pe.ID)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return failed
}

// damagedPack records a pack that RepairPacks can repair.
func (c *checkRun) damagedPack(id engrestic.ID) {
	if !slices.Contains(c.res.DamagedPacks, ID(id)) {
		c.res.DamagedPacks = append(c.res.DamagedPacks, ID(id))
	}
}

// readPacks reads packs whole and checks every blob in them.
func (c *checkRun) readPacks(ctx context.Context) error {
	if !c.o.ReadData {
		return nil
	}
	bar := c.rep.counter("packs")
	defer bar.Done()
	errs := make(chan error)
	go c.repo.Checker().ReadPacks(ctx, c.selectPacks, bar, errs)
	for err := range errs {
		var damaged *engrepository.ErrPackData
		switch {
		case ctx.Err() != nil: // a cancelled request is no damage
		case errors.As(err, &damaged) && strings.HasPrefix(err.Error(), "check successful on second attempt"):
			c.add(Finding{Kind: Unstable, Pack: ID(damaged.PackID), Err: err})
		case errors.As(err, &damaged):
			c.add(Finding{Kind: PackDamaged, Pack: ID(damaged.PackID), Err: err})
			c.damagedPack(damaged.PackID)
			c.bad.suspects.Insert(damaged.PackID)
		default:
			c.add(Finding{Kind: PackUnreadable, Err: err})
		}
	}
	return ctx.Err()
}

// selectPacks narrows the packs of the index to those to read.
func (c *checkRun) selectPacks(all map[engrestic.ID]int64) map[engrestic.ID]int64 {
	packs := all
	if c.used != nil {
		packs = make(map[engrestic.ID]int64)
		for h := range c.used.Keys() {
			for _, pb := range c.repo.LookupBlob(h.Type, h.ID) {
				packs[pb.PackID] = all[pb.PackID]
			}
		}
	}
	packs = c.o.Subset.selectFrom(packs)
	c.res.PacksRead = len(packs)
	for _, size := range packs {
		c.res.BytesRead += uint64(size)
	}
	return packs
}
