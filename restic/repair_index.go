package restic

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// RepairIndexOptions says how to rebuild the index.
type RepairIndexOptions struct {
	// ReadAllPacks reads the headers of all packs instead of those only that the index does not know.
	ReadAllPacks bool
	// OnEvent receives Progress, Message and Warning events.
	OnEvent func(Event)
}

// RepairIndexResult lists what was wrong with the index and is put right.
type RepairIndexResult struct {
	AddedPacks     []ID // were in no index
	ReindexedPacks []ID // had another size than the index said
	MissingPacks   []ID // are not in the storage; what only they held is lost
	InvalidIndexes []ID // could not be read
}

// RepairIndex rebuilds the index from the packs. It works on an index that cannot be read, too.
func (s *Session) RepairIndex(ctx context.Context, o RepairIndexOptions) (*RepairIndexResult, error) {
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	res := &RepairIndexResult{}
	err := s.writeUnindexed(ctx, func(ctx context.Context, repo *repository.Repository) error {
		printer := &indexPrinter{eventPrinter: &eventPrinter{rep: rep}, res: res}
		err := repository.RepairIndex(ctx, repo, repository.RepairIndexOptions{ReadAllPacks: o.ReadAllPacks}, printer)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("repairing the index was not finished, run it again: %w", err)
		}
		return err
	})
	return res, err
}

// indexPrinter learns from what the engine prints, which is the only way it tells, what was put right.
type indexPrinter struct {
	*eventPrinter
	res *RepairIndexResult
}

func (p *indexPrinter) E(msg string, args ...any) {
	p.eventPrinter.E(msg, args...)
	if len(args) == 0 {
		return
	}
	id, ok := args[0].(restic.ID)
	if !ok {
		return
	}
	for start, list := range map[string]*[]ID{
		"adding pack file":        &p.res.AddedPacks,
		"reindexing pack file":    &p.res.ReindexedPacks,
		"removing not found pack": &p.res.MissingPacks,
		"removing invalid index":  &p.res.InvalidIndexes,
	} {
		if strings.HasPrefix(msg, start) {
			*list = append(*list, ID(id))
		}
	}
}

// RepairPacksOptions says which packs to take apart.
type RepairPacksOptions struct {
	// Packs are those whose content is damaged, as CheckResult.DamagedPacks lists them.
	Packs []ID
	// SaveCopy is given each pack as it is before it is removed; an error ends the repair with nothing changed. If it is nil, no copies are made.
	SaveCopy func(pack ID, content []byte) error
	// OnEvent receives Progress, Message and Warning events; a Warning for each blob that is lost.
	OnEvent func(Event)
}

// RepairPacks stores the sound blobs of damaged packs anew and removes the packs. RepairSnapshots then takes what is lost
// out of the snapshots. It stops with nothing changed if a pack cannot be read at all.
func (s *Session) RepairPacks(ctx context.Context, o RepairPacksOptions) error {
	if len(o.Packs) == 0 {
		return fmt.Errorf("repair packs: no packs given")
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	return s.write(ctx, true, func(ctx context.Context, repo *repository.Repository) error {
		ids := restic.NewIDSet()
		for _, pack := range o.Packs {
			id := restic.ID(pack)
			ids.Insert(id)
			content, err := repo.LoadRaw(ctx, restic.PackFile, id)
			if content == nil { // damaged content comes with an error, too, and is what this is for
				return fmt.Errorf("pack %v cannot be read, nothing was changed: %w", pack, orUnexpected(err))
			}
			if o.SaveCopy != nil {
				if err := o.SaveCopy(pack, content); err != nil {
					return fmt.Errorf("keeping a copy of pack %v, nothing was changed: %w", pack, err)
				}
			}
		}
		if err := repository.RepairPacks(ctx, repo, ids, &eventPrinter{rep: rep}); err != nil {
			return fmt.Errorf("repairing packs was not finished, run it again: %w", err)
		}
		return nil
	})
}

func orUnexpected(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
