package restic

import (
	"context"
	"errors"
	"slices"

	"github.com/restic/restic/rwmlink/index"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// checkIndex loads the index. Without all of it everything else would be reported missing, so usable is false then.
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
	// The engine does not say which files it was, so they are tried again one by one.
	err = index.ForAllIndexes(ctx, c.repo, c.repo, func(id restic.ID, _ *index.Index, err error) error {
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
	var incomplete *repository.ErrIncompletePackEntry
	var duplicate *repository.ErrDuplicatePacks
	var mixed *repository.ErrMixedPack
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

func sortedIDs(set restic.IDSet) []ID {
	ids := make([]ID, 0, len(set))
	for id := range set {
		ids = append(ids, ID(id))
	}
	slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
