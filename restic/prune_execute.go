package restic

import (
	"context"
	"fmt"
	"strings"

	engprogress "github.com/restic/restic/rwmlink/progress"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// executeInBatches executes a plan and does its removals at the end, in large batches.
// The order stays safe: all new packs and indexes are stored first, then the old
// indexes are removed and, only when none is left, the packs that only they listed.
func (s *Session) executeInBatches(ctx context.Context, plan *engrepository.PrunePlan, printer *eventPrinter, res *PruneResult) error {
	p, stop := s.postpone()
	err := plan.Execute(ctx, postponedPrinter{printer})
	stop()
	if err != nil {
		return err
	}
	indexes, packs := p.names[engrestic.IndexFile], p.names[engrestic.PackFile]
	bar := printer.NewCounter("files deleted")
	bar.SetMax(uint64(len(indexes) + len(packs)))
	defer bar.Done()

	var stuck []ItemError
	s.removeAll(ctx, engrestic.IndexFile, indexes, func(name string, err error) {
		if err != nil {
			stuck = append(stuck, ItemError{Item: "index/" + name, Err: err})
			return
		}
		bar.Add(1)
		printer.VV("removed index/%s", name)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(stuck) > 0 {
		return fmt.Errorf("%d old index files could not be removed, so no pack was: %w", len(stuck), stuck[0])
	}
	s.removeAll(ctx, engrestic.PackFile, packs, func(name string, err error) {
		if err != nil {
			res.Failed = append(res.Failed, ItemError{Item: name, Err: err})
			printer.rep.warn("pack "+name+" is not used any more but could not be removed, the next prune will try again", err)
			return
		}
		bar.Add(1)
		printer.VV("removed data/%s", name)
	})
	return ctx.Err()
}

// postponedPrinter drops the engine's reports of removals that are only postponed.
type postponedPrinter struct{ *eventPrinter }

func (p postponedPrinter) NewCounter(task string) *engprogress.Counter {
	if strings.HasSuffix(task, "deleted") {
		return nil
	}
	return p.eventPrinter.NewCounter(task)
}

func (p postponedPrinter) VV(msg string, args ...any) {
	if !strings.HasPrefix(msg, "removed ") {
		p.eventPrinter.VV(msg, args...)
	}
}
