package restic

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// RecoverOptions configures a recovery.
type RecoverOptions struct {
	// OnEvent receives Progress, Message and Warning events.
	OnEvent func(Event)
}

// RecoverResult holds what was found.
type RecoverResult struct {
	// Roots are the trees that no snapshot and no other tree refers to.
	Roots []ID
	// SnapshotID is the new snapshot with a directory for each of them, named by the
	// tree's ID. It is zero if there are none.
	SnapshotID ID
	// Unreadable are trees that could not be read.
	Unreadable []ItemError
}

// Recover looks for trees that nothing refers to, such as those of lost snapshots, and
// makes one snapshot of all of them. It repairs the index first.
func (s *Session) Recover(ctx context.Context, o RecoverOptions) (*RecoverResult, error) {
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	res := &RecoverResult{}
	err := s.run(ctx, access{lock: exclusiveLock}, func(ctx context.Context, repo *engrepository.Repository) error {
		if err := s.mayRead(ctx, repo); err != nil {
			return fmt.Errorf("recover: nothing was changed: %w", err)
		}
		printer := &eventPrinter{rep: rep}
		if err := engrepository.RepairIndex(ctx, repo, engrepository.RepairIndexOptions{}, printer); err != nil {
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
		sn, err := engdata.NewSnapshot([]string{"/recover"}, []string{"recovered"}, s.hostname(), s.opts.clock())
		if err != nil {
			return err
		}
		sn.Tree = &tree
		id, err := engdata.SaveSnapshot(ctx, repo, sn)
		if err != nil {
			return fmt.Errorf("saving the snapshot of what was recovered: %w", err)
		}
		res.SnapshotID = ID(id)
		return nil
	})
	return res, err
}

// find returns the trees nothing refers to, in the order of their IDs.
func (r *RecoverResult) find(ctx context.Context, s *Session, repo *engrepository.Repository, rep *reporter) (engrestic.IDs, error) {
	var all engrestic.IDs
	err := repo.ListBlobs(ctx, func(pb engrestic.PackedBlob) {
		if pb.Type == engrestic.TreeBlob {
			all = append(all, pb.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	list, err := s.view.load(ctx, repo, nil)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	used := engrestic.NewIDSet()
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
	slices.SortFunc(roots, func(a, b engrestic.ID) int { return bytes.Compare(a[:], b[:]) })
	roots = slices.Compact(roots)
	r.Roots = newIDs(roots)
	return roots, nil
}

func subtreesOf(ctx context.Context, repo engrestic.BlobLoader, id engrestic.ID) (subtrees engrestic.IDs, err error) {
	nodes, err := engdata.LoadTree(ctx, repo, id)
	if err != nil {
		return nil, err
	}
	for item := range nodes {
		if item.Error != nil {
			return subtrees, item.Error
		}
		if item.Node.Type == engdata.NodeTypeDir && item.Node.Subtree != nil {
			subtrees = append(subtrees, *item.Node.Subtree)
		}
	}
	return subtrees, nil
}

// saveRoots makes a tree with a directory for each root. They are ordered by name, as
// the engine requires.
func saveRoots(ctx context.Context, repo *engrepository.Repository, roots engrestic.IDs, now time.Time) (tree engrestic.ID, err error) {
	err = repo.WithBlobUploader(ctx, func(ctx context.Context, saver engrestic.BlobSaverWithAsync) error {
		tw := engdata.NewTreeWriter(saver)
		last := ""
		for _, id := range roots {
			name := ID(id).Short()
			if name == last {
				name = id.String()
			}
			last = ID(id).Short()
			node := engdata.Node{Type: engdata.NodeTypeDir, Name: name, Mode: 0o755, Subtree: &id, AccessTime: now, ModTime: now, ChangeTime: now}
			if err := tw.AddNode(&node); err != nil {
				return err
			}
		}
		tree, err = tw.Finalize(ctx)
		return err
	})
	return tree, err
}
