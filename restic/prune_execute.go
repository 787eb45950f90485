package restic

import (
	"context"
	"fmt"
	"strings"

	"github.com/restic/restic/rwmlink/progress"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// executeInBatches carries out a plan and removes what it removes at its end, in large batches. The order stays safe: first all new packs
// and indexes are there, then the old indexes go, and only when none is left the packs that only they knew.
func (s *Session) executeInBatches(ctx context.Context, plan *repository.PrunePlan, printer *eventPrinter, res *PruneResult) error {
	p, stop := s.postpone()
	err := plan.Execute(ctx, postponedPrinter{printer})
	stop()
	if err != nil {
		return err
	}
	indexes, packs := p.names[restic.IndexFile], p.names[restic.PackFile]
	bar := printer.NewCounter("files deleted")
	bar.SetMax(uint64(len(indexes) + len(packs)))
	defer bar.Done()

	var stuck []ItemError
	s.removeAll(ctx, restic.IndexFile, indexes, func(name string, err error) {
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
	s.removeAll(ctx, restic.PackFile, packs, func(name string, err error) {
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

// postponedPrinter does not pass on what the engine says about removals it only believes in.
type postponedPrinter struct{ *eventPrinter }

func (p postponedPrinter) NewCounter(task string) *progress.Counter {
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
