package restic

import (
	"context"
	"errors"
	"fmt"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// PruneOptions says how much trouble to take over winning space back. The zero value is what restic does by default.
type PruneOptions struct {
	// DryRun plans and counts, but changes nothing.
	DryRun bool
	// MaxUnused is how much unused data may stay, to spare repacking. The default is 5 % of the repository.
	MaxUnused UnusedLimit
	// MaxRepack bounds how many bytes are repacked in all. The default is no limit.
	MaxRepack SizeLimit
	// RepackCacheableOnly repacks only packs of trees, which are in the cache anyhow.
	RepackCacheableOnly bool
	// RepackUncompressed repacks everything that is not compressed yet.
	RepackUncompressed bool
	// RepackSmallerThan repacks packs smaller than this many bytes; 0 leaves it to the engine.
	RepackSmallerThan uint64
	// RecoverNoFreeSpace removes index files before anything else and repacks nothing, to get a repository
	// going again whose storage is full. It must be set to the ID of the repository. If it is interrupted the
	// index must be repaired. Try MaxRepack: AtMost(0) first.
	RecoverNoFreeSpace string
	// OnEvent receives PrunePlanned, Progress, Message and Warning events.
	OnEvent func(Event)
}

// PrunePlanned tells what the prune is going to do, before it does it. In a dry run it will not.
type PrunePlanned struct{ Plan PruneResult }

func (PrunePlanned) event() {}

// PruneResult counts what the repository held and what the prune did, or would do in a dry run.
type PruneResult struct {
	DryRun bool       `json:"dry_run"`
	Blobs  PruneBlobs `json:"blobs"`
	Bytes  PruneBytes `json:"bytes"`
	Packs  PrunePacks `json:"packs"`
	// Failed are packs that nothing uses any more and that could not be removed. The next prune tries again.
	Failed []ItemError `json:"-"`
}

// PruneBlobs counts blobs.
type PruneBlobs struct {
	Used      uint `json:"used"`
	Duplicate uint `json:"duplicate"` // further copies of used blobs
	Unused    uint `json:"unused"`
	Remove    uint `json:"remove"`         // removed with their packs
	Repack    uint `json:"repack"`         // in packs that are repacked
	Repackrm  uint `json:"repack_removed"` // of these, not copied
}

// PruneBytes counts stored bytes.
type PruneBytes struct {
	Used         uint64 `json:"used"`
	Duplicate    uint64 `json:"duplicate"`
	Unused       uint64 `json:"unused"`
	Remove       uint64 `json:"remove"`
	Repack       uint64 `json:"repack"`
	Repackrm     uint64 `json:"repack_removed"`
	Unref        uint64 `json:"unreferenced"` // in packs no index knows
	Uncompressed uint64 `json:"uncompressed"` // not compressed, after the prune
}

// PrunePacks counts packs.
type PrunePacks struct {
	Used       uint `json:"used"`
	Unused     uint `json:"unused"`
	PartlyUsed uint `json:"partly_used"`
	Unref      uint `json:"unreferenced"` // in no index
	Keep       uint `json:"keep"`
	Repack     uint `json:"repack"`
	Remove     uint `json:"remove"`
}

// TotalBytes is what the repository's packs held before.
func (r *PruneResult) TotalBytes() uint64 {
	return r.Bytes.Used + r.Bytes.Duplicate + r.Bytes.Unused + r.Bytes.Unref
}

// FreedBytes is what the prune wins back.
func (r *PruneResult) FreedBytes() uint64 {
	return r.Bytes.Remove + r.Bytes.Repackrm + r.Bytes.Unref
}

// UnusedBytesAfter is the unused data that stays.
func (r *PruneResult) UnusedBytesAfter() uint64 {
	return r.Bytes.Duplicate + r.Bytes.Unused - r.Bytes.Remove - r.Bytes.Repackrm
}

// Prune removes the data no snapshot uses. It changes nothing if a snapshot or tree cannot be read, or if
// data that is used is missing: the error then wraps ErrDamaged, and Check tells the details.
func (s *Session) Prune(ctx context.Context, o PruneOptions) (*PruneResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()

	var res *PruneResult
	var list snapshotList
	choose := func(ctx context.Context, repo *repository.Repository) (err error) {
		rep.emit(Message{Level: 1, Text: "loading all snapshots..."})
		list, err = s.view.load(ctx, repo)
		return err
	}
	err := s.alone(ctx, o.DryRun, true, choose, func(ctx context.Context, repo *repository.Repository) (err error) {
		res, err = s.prune(ctx, repo, o, rep, list)
		return err
	})
	return res, err
}

// alone runs choose and fn one after the other, under an exclusive lock unless it is a dry run, with the index if it is needed for fn.
func (s *Session) alone(ctx context.Context, dryRun, needIndex bool, choose, fn func(ctx context.Context, repo *repository.Repository) error) error {
	if dryRun && needIndex {
		return s.readSnapshots(ctx, choose, fn)
	}
	both := func(ctx context.Context, repo *repository.Repository) error {
		if err := choose(ctx, repo); err != nil {
			return err
		}
		return fn(ctx, repo)
	}
	switch {
	case dryRun:
		return s.read(ctx, false, both)
	case needIndex:
		return s.write(ctx, true, both)
	}
	return s.writeUnindexed(ctx, both)
}

func (o *PruneOptions) check() error {
	if err := o.MaxUnused.check(); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	return nil
}

// prune removes what the snapshots of keep do not use. It runs under the exclusive lock, or as a dry run.
func (s *Session) prune(ctx context.Context, repo *repository.Repository, o PruneOptions, rep *reporter, keep snapshotList) (*PruneResult, error) {
	if len(keep.broken) > 0 {
		return nil, fmt.Errorf("prune: %w: what unreadable snapshots use is not known, nothing was removed: %w",
			ErrDamaged, &SnapshotsError{Items: keep.broken})
	}
	if o.RecoverNoFreeSpace != "" && o.RecoverNoFreeSpace != repo.Config().ID {
		return nil, fmt.Errorf("prune: RecoverNoFreeSpace must be the repository's ID %s, not %q", repo.Config().ID, o.RecoverNoFreeSpace)
	}
	printer := &eventPrinter{rep: rep}
	plan, err := repository.PlanPrune(ctx, o.engine(), repo, func(ctx context.Context, repo restic.Repository, used restic.FindBlobSet) error {
		return findUsed(ctx, repo, used, keep, rep)
	}, printer)
	if err != nil {
		return nil, pruneError(ctx, printer.explain(err))
	}
	res := newPruneResult(plan.Stats(), o.DryRun)
	rep.emit(PrunePlanned{*res})
	if o.DryRun {
		return res, plan.Execute(ctx, printer) // says what it would do
	}
	defer s.forgetIndex(repo) // the engine has dropped it, hazard 4
	if o.RecoverNoFreeSpace == "" {
		err = s.executeInBatches(ctx, plan, printer, res)
	} else {
		// here the order of removals matters: the indexes go first, to make room
		err = plan.Execute(ctx, printer)
	}
	if err != nil {
		return res, fmt.Errorf("not finished, run it again: %w", pruneError(ctx, printer.explain(err)))
	}
	return res, nil
}

func findUsed(ctx context.Context, repo restic.Repository, used restic.FindBlobSet, keep snapshotList, rep *reporter) error {
	var trees restic.IDs
	for _, sn := range keep.all {
		trees = append(trees, *sn.Tree)
	}
	rep.emit(Message{Level: 1, Text: fmt.Sprintf("finding data that is still in use for %d snapshots", len(trees))})
	bar := rep.counter("snapshots")
	bar.SetMax(uint64(len(trees)))
	defer bar.Done()
	if err := data.FindUsedBlobs(ctx, repo, trees, used, bar); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: reading the trees of the snapshots, nothing was removed: %w", ErrDamaged, err)
	}
	return nil
}

// pruneError marks the engine's findings of damage.
func pruneError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, repository.ErrIndexIncomplete) || errors.Is(err, repository.ErrPacksMissing) || errors.Is(err, repository.ErrSizeNotMatching) {
		return fmt.Errorf("prune: %w, nothing was removed: %w", ErrDamaged, err)
	}
	return fmt.Errorf("prune: %w", err)
}

func (o *PruneOptions) engine() repository.PruneOptions {
	return repository.PruneOptions{
		DryRun:              o.DryRun,
		UnsafeRecovery:      o.RecoverNoFreeSpace != "",
		MaxUnusedBytes:      o.MaxUnused.bytes,
		MaxRepackBytes:      o.MaxRepack.bytes(),
		SmallPackBytes:      o.RepackSmallerThan,
		RepackCacheableOnly: o.RepackCacheableOnly,
		RepackUncompressed:  o.RepackUncompressed,
	}
}

func newPruneResult(st repository.PruneStats, dryRun bool) *PruneResult {
	return &PruneResult{DryRun: dryRun, Blobs: PruneBlobs(st.Blobs), Bytes: PruneBytes(st.Size), Packs: PrunePacks(st.Packs)}
}
