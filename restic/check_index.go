package restic

import (
	"context"
	"errors"
	"slices"

	engindex "github.com/restic/restic/rwmlink/index"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// checkIndex loads the index. If it cannot be loaded completely, usable is false, since
// everything else would be reported missing.
func (c *checkRun) checkIndex(ctx context.Context) (usable bool, err error) {
	hints, errs := c.repo.Checker().LoadIndex(ctx, &eventPrinter{rep: c.rep})
	if err := ctx.Err(); err != nil {
		return false, err
	}
	for _, hint := range hints {
		c.indexHint(hint)
	}
	if len(errs) == 0 {
		return true, nil
	}
	c.res.SuggestRepairIndex = true
	before := c.res.Errors
	// The engine does not name the failed files, so they are loaded again one by one.
	err = engindex.ForAllIndexes(ctx, c.repo, c.repo, func(id engrestic.ID, _ *engindex.Index, err error) error {
		if err != nil {
			c.add(Finding{Kind: IndexUnreadable, Index: ID(id), Err: err})
		}
		return nil
	})
	if err == nil && c.res.Errors == before {
		for _, err := range errs {
			c.add(Finding{Kind: IndexUnreadable, Err: err})
		}
	}
	return false, err
}

func (c *checkRun) indexHint(hint error) {
	var incomplete *engrepository.ErrIncompletePackEntry
	var duplicate *engrepository.ErrDuplicatePacks
	var mixed *engrepository.ErrMixedPack
	switch {
	case errors.As(hint, &incomplete):
		c.add(Finding{Kind: IndexInconsistent, Pack: ID(incomplete.PackID), Indexes: sortedIDs(incomplete.Indexes)})
		c.damagedPack(incomplete.PackID)
	case errors.As(hint, &duplicate):
		c.add(Finding{Kind: PackDuplicate, Pack: ID(duplicate.PackID), Indexes: sortedIDs(duplicate.Indexes)})
		c.res.SuggestRepairIndex = true
	case errors.As(hint, &mixed):
		c.add(Finding{Kind: PackMixed, Pack: ID(mixed.PackID)})
		c.res.SuggestPrune = true
	default:
		c.add(Finding{Kind: IndexUnreadable, Err: hint})
	}
}

func sortedIDs(set engrestic.IDSet) []ID {
	ids := make([]ID, 0, len(set))
	for id := range set {
		ids = append(ids, ID(id))
	}
	slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
