package restic

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// RecoverOptions says how to recover.
type RecoverOptions struct {
	// OnEvent receives Progress, Message and Warning events.
	OnEvent func(Event)
}

// RecoverResult says what was found.
type RecoverResult struct {
	// Roots are the trees that no snapshot and no other tree refers to.
	Roots []ID
	// SnapshotID is the new snapshot with a directory for each of them, named by the tree's ID. It is zero if there are none.
	SnapshotID ID
	// Unreadable are trees that could not be read.
	Unreadable []ItemError
}

// Recover looks for trees that nothing refers to, as they are left when snapshots are lost, and makes one snapshot of all of
// them. It brings the index up to date first.
func (s *Session) Recover(ctx context.Context, o RecoverOptions) (*RecoverResult, error) {
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	res := &RecoverResult{}
	err := s.writeUnindexed(ctx, func(ctx context.Context, repo *repository.Repository) error {
		printer := &eventPrinter{rep: rep}
		if err := repository.RepairIndex(ctx, repo, repository.RepairIndexOptions{}, printer); err != nil {
			return err
		}
		if err := repo.LoadIndex(ctx, printer); err != nil {
			return err
		}
		roots, err := res.find(ctx, s, repo, rep)
		if err != nil || len(roots) == 0 {
			return err
		}
		tree, err := saveRoots(ctx, repo, roots, s.opts.clock())
		if err != nil {
			return fmt.Errorf("saving the tree of what was recovered: %w", err)
		}
		sn, err := data.NewSnapshot([]string{"/recover"}, []string{"recovered"}, s.hostname(), s.opts.clock())
		if err != nil {
			return err
		}
		sn.Tree = &tree
		id, err := data.SaveSnapshot(ctx, repo, sn)
		if err != nil {
			return fmt.Errorf("saving the snapshot of what was recovered: %w", err)
		}
		res.SnapshotID = ID(id)
		return nil
	})
	return res, err
}

// find returns the trees nothing refers to, in the order of their IDs.
func (r *RecoverResult) find(ctx context.Context, s *Session, repo *repository.Repository, rep *reporter) (restic.IDs, error) {
	var all restic.IDs
	err := repo.ListBlobs(ctx, func(pb restic.PackedBlob) {
		if pb.Type == restic.TreeBlob {
			all = append(all, pb.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	list, err := s.view.load(ctx, repo)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	used := restic.NewIDSet()
	for _, sn := range list.all {
		used.Insert(*sn.Tree)
	}
	bar := rep.counter("trees loaded")
	bar.SetMax(uint64(len(all)))
	defer bar.Done()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(int(repo.Connections()))
	for _, id := range all {
		g.Go(func() error {
			subtrees, err := subtreesOf(ctx, repo, id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			bar.Add(1)
			if err != nil {
				used.Insert(id) // cannot be restored
				r.Unreadable = append(r.Unreadable, ItemError{Item: id.String(), Err: err})
				rep.warn(fmt.Sprintf("tree %v cannot be read", id), err)
			}
			for _, sub := range subtrees {
				used.Insert(sub)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	roots := slices.DeleteFunc(all, used.Has)
	slices.SortFunc(roots, func(a, b restic.ID) int { return bytes.Compare(a[:], b[:]) })
	roots = slices.Compact(roots)
	r.Roots = newIDs(roots)
	return roots, nil
}

func subtreesOf(ctx context.Context, repo restic.BlobLoader, id restic.ID) (subtrees restic.IDs, err error) {
	nodes, err := data.LoadTree(ctx, repo, id)
	if err != nil {
		return nil, err
	}
	for item := range nodes {
		if item.Error != nil {
			return subtrees, item.Error
		}
		if item.Node.Type == data.NodeTypeDir && item.Node.Subtree != nil {
			subtrees = append(subtrees, *item.Node.Subtree)
		}
	}
	return subtrees, nil
}

// saveRoots makes a tree with a directory for each root. Their order is that of their names, as the engine wants it.
func saveRoots(ctx context.Context, repo *repository.Repository, roots restic.IDs, now time.Time) (tree restic.ID, err error) {
	err = repo.WithBlobUploader(ctx, func(ctx context.Context, saver restic.BlobSaverWithAsync) error {
		tw := data.NewTreeWriter(saver)
		last := ""
		for _, id := range roots {
			name := ID(id).Short()
			if name == last {
				name = id.String()
			}
			last = ID(id).Short()
			node := data.Node{Type: data.NodeTypeDir, Name: name, Mode: 0o755, Subtree: &id, AccessTime: now, ModTime: now, ChangeTime: now}
			if err := tw.AddNode(&node); err != nil {
				return err
			}
		}
		tree, err = tw.Finalize(ctx)
		return err
	})
	return tree, err
}
