package restic

import (
	"context"
	"fmt"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
)

// readSnapshots is read for what follows the trees of snapshots: choose finds the snapshots, then the index is brought up to date, then fn runs.
// The other way round, the data of a snapshot that somebody else saved in between would seem to be missing.
func (s *Session) readSnapshots(ctx context.Context, choose, fn func(ctx context.Context, repo *repository.Repository) error) error {
	return s.use(ctx, 1, func(ctx context.Context) error {
		for _, step := range []struct {
			index bool
			fn    func(ctx context.Context, repo *repository.Repository) error
		}{{false, choose}, {true, fn}} {
			repo, lock, err := s.ready(ctx, step.index, step.index)
			if err != nil {
				return err
			}
			if err := s.locked(ctx, lock, func(ctx context.Context) error { return step.fn(ctx, repo) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// readSnapshot is readSnapshots for the one snapshot that name selects. Its tree is that of the folder named behind the colon.
func (s *Session) readSnapshot(ctx context.Context, name string, f SnapshotFilter, fn func(ctx context.Context, repo *repository.Repository, sn *data.Snapshot, folder string) error) error {
	var sn *data.Snapshot
	var folder string
	return s.readSnapshots(ctx, func(ctx context.Context, repo *repository.Repository) (err error) {
		sn, folder, err = s.view.find(ctx, repo, name, f)
		return err
	}, func(ctx context.Context, repo *repository.Repository) error {
		if err := enterFolder(ctx, repo, sn, folder); err != nil {
			return err
		}
		return fn(ctx, repo, sn, folder)
	})
}

// enterFolder makes the tree of a snapshot that of a folder in it.
func enterFolder(ctx context.Context, repo *repository.Repository, sn *data.Snapshot, folder string) error {
	if folder == "" {
		return nil
	}
	tree, err := data.FindTreeDirectory(ctx, repo, sn.Tree, folder)
	if err != nil {
		return fmt.Errorf("snapshot %s has no folder %q: %w", sn.ID().Str(), folder, err)
	}
	sn.Tree = tree
	return nil
}
