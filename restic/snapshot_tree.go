package restic

import (
	"context"
	"fmt"
	"path"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// inSnapshot runs fn with the index for the one snapshot that name selects. If name has
// a folder after a colon, the snapshot's tree is the folder's.
func (s *Session) inSnapshot(ctx context.Context, name string, f SnapshotFilter, fn func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, folder string) error) error {
	return s.atSnapshot(ctx, name, f, access{}, fn)
}

// walkSnapshot is inSnapshot for an fn that walks through all trees with w.
func (s *Session) walkSnapshot(ctx context.Context, name string, f SnapshotFilter, w walking, fn func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, folder string) error) error {
	roots := func(l snapshotList) engrestic.IDs {
		sn, folder, err := l.find(name, f)
		if err != nil || folder != "" {
			return nil
		}
		return engrestic.IDs{*sn.Tree}
	}
	return s.atSnapshot(ctx, name, f, access{walk: roots, walking: w}, fn)
}

func (s *Session) atSnapshot(ctx context.Context, name string, f SnapshotFilter, a access, fn func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, folder string) error) error {
	var sn *engdata.Snapshot
	var folder string
	a.choose = func(ctx context.Context, repo *engrepository.Repository) (err error) {
		sn, folder, err = s.view.find(ctx, repo, name, f)
		return err
	}
	a.index, a.exact, a.names = true, exactIDs(name), SnapshotFilter{IDs: []string{name}}.names()
	a.lists = a.exact == nil
	return s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
		if err := enterFolder(ctx, repo, sn, folder); err != nil {
			return err
		}
		return fn(ctx, repo, sn, folder)
	})
}

// enterFolder replaces the tree of a snapshot by the tree of a folder in it.
func enterFolder(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, folder string) error {
	if folder == "" {
		return nil
	}
	node, err := findNode(ctx, repo, *sn.Tree, path.Join("/", folder))
	if err == nil && node.Type != engdata.NodeTypeDir {
		err = fmt.Errorf("it is a %s, not a directory", node.Type)
	}
	if err != nil {
		return fmt.Errorf("snapshot %s has no folder %q: %w", sn.ID().Str(), folder, err)
	}
	sn.Tree = node.Subtree
	return nil
}
