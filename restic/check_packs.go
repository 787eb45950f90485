package restic

import (
	"context"
	"errors"
	"fmt"
	"strings"

	engpack "github.com/restic/restic/rwmlink/pack"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/events"
)

// checkPacks compares the packs in the storage with those the index knows. The listing
// is not held: an attacker who can write can make it as long as he likes.
func (c *checkRun) checkPacks(ctx context.Context) error {
	const there = -1
	sizes, err := engpack.Size(ctx, c.repo, false)
	if err != nil {
		return err
	}
	c.res.Packs = len(sizes)
	err = c.stack.eachPack(ctx, func(packID ID, size int64) {
		id := engrestic.ID(packID)
		switch want, known := sizes[id]; {
		case !known:
			c.add(Finding{Kind: PackNotIndexed, Pack: packID})
			c.res.SuggestPrune = true
		case want != there && want != size:
			c.add(Finding{Kind: PackSizeWrong, Pack: packID, Err: fmt.Errorf("unexpected file size: got %d, expected %d", size, want)})
			c.damagedPack(id)
			c.bad.suspects.Insert(id)
			fallthrough
		default:
			sizes[id] = there
		}
	})
	if err != nil || ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	for id, size := range sizes {
		if size != there {
			c.add(Finding{Kind: PackMissing, Pack: ID(id), Err: errNoPack})
			c.bad.lost.Insert(id)
		}
	}
	return nil
}

var errNoPack = errors.New("does not exist")

// damagedPack records a pack that RepairPacks can repair.
func (c *checkRun) damagedPack(id engrestic.ID) {
	if !c.bad.repairable.Has(id) {
		c.bad.repairable.Insert(id)
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
	var broken error // of the caller's function in the subset; written before errs is closed
	choose := func(all map[engrestic.ID]int64) (packs map[engrestic.ID]int64) {
		broken = events.Try(func() error {
			packs = c.selectPacks(all)
			return nil
		})
		return packs
	}
	go c.repo.Checker().ReadPacks(ctx, choose, bar, errs)
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
	if broken != nil {
		return fmt.Errorf("selecting packs: %w", broken)
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
