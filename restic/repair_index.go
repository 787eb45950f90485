package restic

import (
	"context"
	"fmt"
	"io"
	"strings"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// RepairIndexOptions configures the repair of the index.
type RepairIndexOptions struct {
	// ReadAllPacks reads the headers of all packs, not only of those that the index
	// does not know.
	ReadAllPacks bool
	// OnEvent receives Progress, Message and Warning events.
	OnEvent func(Event)
}

// RepairIndexResult lists what was wrong with the index and has been repaired.
type RepairIndexResult struct {
	AddedPacks     []ID // were in no index
	ReindexedPacks []ID // had another size than the index said
	MissingPacks   []ID // are not in the storage; what only they held is lost
	InvalidIndexes []ID // could not be read
}

// RepairIndex rebuilds the index from the packs. It works even if the index cannot be
// read.
func (s *Session) RepairIndex(ctx context.Context, o RepairIndexOptions) (*RepairIndexResult, error) {
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	res := &RepairIndexResult{}
	err := s.run(ctx, access{lock: exclusiveLock}, func(ctx context.Context, repo *engrepository.Repository) error {
		printer := &indexPrinter{eventPrinter: &eventPrinter{rep: rep}, res: res}
		err := engrepository.RepairIndex(ctx, repo, engrepository.RepairIndexOptions{ReadAllPacks: o.ReadAllPacks}, printer)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("repairing the index was not finished, run it again: %w", err)
		}
		return err
	})
	return res, err
}

// indexPrinter learns what was repaired from the engine's output, which is the only
// place it appears.
type indexPrinter struct {
	*eventPrinter
	res *RepairIndexResult
}

func (p *indexPrinter) E(msg string, args ...any) {
	p.eventPrinter.E(msg, args...)
	if len(args) == 0 {
		return
	}
	id, ok := args[0].(engrestic.ID)
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

// RepairPacksOptions selects the packs to repair.
type RepairPacksOptions struct {
	// Packs are those whose content is damaged, as CheckResult.DamagedPacks lists them.
	Packs []ID
	// SaveCopy receives each pack before it is removed; an error aborts the repair with
	// nothing changed. If it is nil, no copies are made.
	SaveCopy func(pack ID, content []byte) error
	// OnEvent receives Progress, Message and Warning events; a Warning for each blob
	// that is lost.
	OnEvent func(Event)
}

// RepairPacks stores the intact blobs of damaged packs again and removes the packs.
// RepairSnapshots then removes what is lost from the snapshots. It stops with nothing
// changed if a pack cannot be read at all.
func (s *Session) RepairPacks(ctx context.Context, o RepairPacksOptions) error {
	if len(o.Packs) == 0 {
		return fmt.Errorf("repair packs: no packs given")
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	return s.run(ctx, access{lock: exclusiveLock, index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
		ids := engrestic.NewIDSet()
		for _, pack := range o.Packs {
			id := engrestic.ID(pack)
			ids.Insert(id)
			content, err := repo.LoadRaw(ctx, engrestic.PackFile, id)
			if content == nil { // damaged content comes with an error, and is what this repairs
				return fmt.Errorf("pack %v cannot be read, nothing was changed: %w", pack, orUnexpected(err))
			}
			if o.SaveCopy != nil {
				if err := o.SaveCopy(pack, content); err != nil {
					return fmt.Errorf("keeping a copy of pack %v, nothing was changed: %w", pack, err)
				}
			}
		}
		if err := engrepository.RepairPacks(ctx, repo, ids, &eventPrinter{rep: rep}); err != nil {
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
