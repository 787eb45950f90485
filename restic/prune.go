package restic

import (
	"context"
	"errors"
	"fmt"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// PruneOptions configures how thoroughly to reclaim space. The zero value is restic's
// default.
type PruneOptions struct {
	// DryRun plans and counts, but changes nothing.
	DryRun bool
	// MaxUnused is how much unused data may stay, to avoid repacking. The default is 5
	// % of the repository.
	MaxUnused UnusedLimit
	// MaxRepack bounds how many bytes are repacked in all. The default is no limit.
	MaxRepack SizeLimit
	// RepackCacheableOnly repacks only packs of trees, which are cached anyway.
	RepackCacheableOnly bool
	// RepackUncompressed repacks everything that is not compressed yet.
	RepackUncompressed bool
	// RepackSmallerThan repacks packs smaller than this many bytes; 0 leaves it to the
	// engine.
	RepackSmallerThan uint64
	// RecoverNoFreeSpace makes a repository usable again when its storage is full: it
	// removes index files before anything else and repacks nothing. It must be set to
	// the ID of the repository. If the prune is interrupted, the index must be
	// repaired. Try MaxRepack: AtMost(0) first.
	RecoverNoFreeSpace string
	// OnEvent receives PrunePlanned, Progress, Message and Warning events.
	OnEvent func(Event)
}

// PrunePlanned reports what the prune is about to do, or would do in a dry run.
type PrunePlanned struct{ Plan PruneResult }

func (PrunePlanned) event() {}

// PruneResult counts what the repository held and what the prune did, or would do in a
// dry run.
type PruneResult struct {
	DryRun bool       `json:"dry_run"`
	Blobs  PruneBlobs `json:"blobs"`
	Bytes  PruneBytes `json:"bytes"`
	Packs  PrunePacks `json:"packs"`
	// TreePacks is how many packs of the newest trees were left where sealed hosts may
	// read them; 0 where no host is sealed.
	TreePacks uint `json:"tree_packs,omitempty"`
	// Failed are unused packs that could not be removed. The next prune tries again.
	Failed []ItemError `json:"failed,omitempty"`
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

// FreedBytes is what the prune reclaims.
func (r *PruneResult) FreedBytes() uint64 {
	return r.Bytes.Remove + r.Bytes.Repackrm + r.Bytes.Unref
}

// UnusedBytesAfter is the unused data that stays.
func (r *PruneResult) UnusedBytesAfter() uint64 {
	return r.Bytes.Duplicate + r.Bytes.Unused - r.Bytes.Remove - r.Bytes.Repackrm
}

// Prune removes the data no snapshot uses. It changes nothing if a snapshot or tree
// cannot be read, or if data in use is missing: the error then wraps ErrDamaged, and
// Check reports the details. On a sealed host the error is ErrSealed, and nothing is
// changed: the keeper or the admin prunes.
func (s *Session) Prune(ctx context.Context, o PruneOptions) (*PruneResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()

	var res *PruneResult
	var list snapshotList
	choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
		rep.emit(Message{Level: 1, Text: "loading all snapshots..."})
		list, err = s.view.load(ctx, repo, nil)
		return err
	}
	err := s.run(ctx, removing(o.DryRun, true, choose), func(ctx context.Context, repo *engrepository.Repository) (err error) {
		res, err = s.prune(ctx, repo, o, rep, list)
		return err
	})
	return res, err
}

// removing is the access of operations that remove snapshots or data: alone, except in
// a dry run.
func removing(dryRun, index bool, choose task) access {
	a := access{lock: exclusiveLock, index: index, choose: choose}
	if dryRun {
		a.lock = sharedLock
	}
	return a
}

func (o *PruneOptions) check() error {
	if err := o.MaxUnused.check(); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	return nil
}

// prune removes data that the snapshots of keep do not use. It runs under the exclusive
// lock, or as a dry run.
func (s *Session) prune(ctx context.Context, repo *engrepository.Repository, o PruneOptions, rep *reporter, keep snapshotList) (*PruneResult, error) {
	if len(keep.broken) > 0 {
		return nil, fmt.Errorf("prune: %w: the data of unreadable snapshots is unknown, so nothing was removed: %w",
			ErrDamaged, &SnapshotsError{Items: keep.broken})
	}
	if o.RecoverNoFreeSpace != "" && o.RecoverNoFreeSpace != repo.Config().ID {
		return nil, fmt.Errorf("prune: RecoverNoFreeSpace must be the repository's ID %s, not %q", repo.Config().ID, o.RecoverNoFreeSpace)
	}
	if err := s.mayPrune(ctx, repo); err != nil {
		return nil, err
	}
	printer := &eventPrinter{rep: rep}
	plan, err := engrepository.PlanPrune(ctx, o.engine(), repo, func(ctx context.Context, repo engrestic.Repository, used engrestic.FindBlobSet) error {
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
	defer s.forgetIndex(repo) // the engine has cleared the index in memory
	if o.RecoverNoFreeSpace == "" {
		err = s.executeInBatches(ctx, plan, printer, res)
	} else {
		// here the order of removals matters: indexes first, to free space
		err = plan.Execute(ctx, printer)
	}
	if err != nil {
		return res, fmt.Errorf("not finished, run it again: %w", pruneError(ctx, printer.explain(err)))
	}
	return res, s.leaveTrees(ctx, keep, res, rep)
}

func findUsed(ctx context.Context, repo engrestic.Repository, used engrestic.FindBlobSet, keep snapshotList, rep *reporter) error {
	var trees engrestic.IDs
	for _, sn := range keep.all {
		trees = append(trees, *sn.Tree)
	}
	rep.emit(Message{Level: 1, Text: fmt.Sprintf("finding data that is still in use for %d snapshots", len(trees))})
	bar := rep.counter("snapshots")
	bar.SetMax(uint64(len(trees)))
	defer bar.Done()
	if err := findUsedBlobs(ctx, repo, trees, used, bar); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: reading the trees of the snapshots, nothing was removed: %w", ErrDamaged, err)
	}
	return nil
}

// pruneError marks the engine's reports of damage.
func pruneError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, engrepository.ErrIndexIncomplete) || errors.Is(err, engrepository.ErrPacksMissing) || errors.Is(err, engrepository.ErrSizeNotMatching) {
		return fmt.Errorf("prune: %w, nothing was removed: %w", ErrDamaged, err)
	}
	return fmt.Errorf("prune: %w", err)
}

func (o *PruneOptions) engine() engrepository.PruneOptions {
	return engrepository.PruneOptions{
		DryRun:              o.DryRun,
		UnsafeRecovery:      o.RecoverNoFreeSpace != "",
		MaxUnusedBytes:      o.MaxUnused.bytes,
		MaxRepackBytes:      o.MaxRepack.bytes(),
		SmallPackBytes:      o.RepackSmallerThan,
		RepackCacheableOnly: o.RepackCacheableOnly,
		RepackUncompressed:  o.RepackUncompressed,
	}
}

func newPruneResult(st engrepository.PruneStats, dryRun bool) *PruneResult {
	return &PruneResult{DryRun: dryRun, Blobs: PruneBlobs(st.Blobs), Bytes: PruneBytes(st.Size), Packs: PrunePacks(st.Packs)}
}
