package restic

import (
	"context"
	"fmt"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
)

// findTree returns the snapshot that name selects, its tree being that of the folder named behind the colon.
func (s *Session) findTree(ctx context.Context, repo *repository.Repository, name string, f SnapshotFilter) (*data.Snapshot, string, error) {
	sn, folder, err := s.view.find(ctx, repo, name, f)
	if err != nil {
		return nil, "", err
	}
	if folder == "" {
		return sn, "", nil
	}
	sn.Tree, err = data.FindTreeDirectory(ctx, repo, sn.Tree, folder)
	if err != nil {
		return nil, "", fmt.Errorf("snapshot %s has no folder %q: %w", sn.ID().Str(), folder, err)
	}
	return sn, folder, nil
}
