package restic

import (
	"context"
	"fmt"
	"slices"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// rewriter saves changed snapshots beside their originals, or instead of them.
type rewriter struct {
	rep *reporter
	res *RewriteResult

	// patterns select what stays in the trees; nil if trees are not filtered.
	patterns *compiled
	// tree returns another tree for a snapshot, and its summary; nil if only metadata
	// changes.
	tree func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, saver engrestic.BlobSaver) (engrestic.ID, *engdata.SnapshotSummary, error)

	host      string
	at        time.Time
	forget    bool
	alone     bool   // it removes snapshots, which no other session may use meanwhile
	tag       string // for the new snapshots, unless the originals are removed
	keepEmpty bool   // keep a snapshot that became empty
}

func (r *rewriter) run(ctx context.Context, s *Session, f SnapshotFilter) (*RewriteResult, error) {
	var selected engdata.Snapshots
	choose := func(ctx context.Context, repo *engrepository.Repository) error {
		list, err := s.view.load(ctx, repo, f.names())
		if err != nil {
			return err
		}
		selected, err = list.selectAll(f, r.rep)
		return r.leaveOut(err)
	}
	fn := func(ctx context.Context, repo *engrepository.Repository) error { return r.all(ctx, s, repo, selected) }
	var err error
	switch {
	case r.res.DryRun:
		err = s.run(ctx, access{object: dryRunObject, index: true, choose: choose, lists: true, names: f.names()}, fn)
	case r.alone:
		err = s.run(ctx, access{lock: exclusiveLock, index: true, choose: choose, lists: true, names: f.names()}, fn)
	default:
		// Other sessions may write meanwhile: the index is refreshed after the
		// snapshots are listed, and the writer keeps using it.
		upToDate := func(context.Context, *engrepository.Repository) error { return nil }
		if err = s.run(ctx, access{index: true, choose: choose, lists: true, names: f.names()}, upToDate); err == nil {
			err = s.run(ctx, access{write: true, index: true}, fn)
		}
	}
	if err == nil && len(r.res.Failed) > 0 {
		err = &SnapshotsError{Items: r.res.Failed}
	}
	return r.res, err
}

func (r *rewriter) leaveOut(err error) error {
	unreadable, err := leaveOut(err, "changed")
	for _, it := range unreadable {
		r.rep.warn("snapshot "+it.Item+" cannot be read and is left alone", it.Err)
	}
	r.res.Failed = append(r.res.Failed, unreadable...)
	return err
}

func (r *rewriter) all(ctx context.Context, s *Session, repo *engrepository.Repository, list engdata.Snapshots) error {
	bar := r.rep.counter("snapshots")
	bar.SetMax(uint64(len(list)))
	defer bar.Done()
	if r.patterns != nil {
		w, end := newTreeRewriter(ctx, repo, *r.patterns, list)
		defer end()
		r.tree = w.snapshot
	}
	var gone []ID
	for _, sn := range list {
		old := ID(*sn.ID())
		change, changed, err := r.snapshot(ctx, repo, sn)
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", old.Short(), err)
		}
		switch {
		case !changed:
			r.res.Unchanged++
		case change.Old.IsZero():
			r.res.Emptied = append(r.res.Emptied, old)
			gone = append(gone, old)
		default:
			r.res.Changed = append(r.res.Changed, change)
			r.rep.emit(SnapshotReplaced{change})
			if r.forget {
				gone = append(gone, old)
			}
		}
		bar.Add(1)
	}
	if r.res.DryRun {
		return nil
	}
	if r.alone {
		r.res.Failed = append(r.res.Failed, s.removeSnapshots(ctx, repo, gone, r.rep, nil)...)
		return ctx.Err()
	}
	for _, id := range gone { // not alone here, so nothing can be postponed
		if err := repo.RemoveUnpacked(ctx, engrestic.WriteableSnapshotFile, engrestic.ID(id)); err != nil {
			r.res.Failed = append(r.res.Failed, ItemError{Item: id.String(), Err: err})
			continue
		}
		r.rep.emit(SnapshotRemoved{ID: id})
	}
	return ctx.Err()
}

// snapshot saves a new version of a snapshot if it changes. If it became empty, the
// change has no IDs.
func (r *rewriter) snapshot(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot) (change SnapshotChange, changed bool, err error) {
	tree, summary := *sn.Tree, (*engdata.SnapshotSummary)(nil)
	if r.tree != nil && r.res.DryRun {
		if tree, summary, err = r.tree(ctx, repo, sn, namesOnly{}); err != nil {
			return change, false, err
		}
	} else if r.tree != nil {
		err := repo.WithBlobUploader(ctx, func(ctx context.Context, saver engrestic.BlobSaverWithAsync) (err error) {
			tree, summary, err = r.tree(ctx, repo, sn, saver)
			return err
		})
		if err != nil {
			return change, false, err
		}
	}
	if tree.IsNull() {
		return SnapshotChange{}, !r.keepEmpty, nil
	}
	sameSummary := summary == nil || sn.Summary != nil && *summary == *sn.Summary
	if tree == *sn.Tree && sameSummary && r.host == "" && r.at.IsZero() {
		return change, false, nil
	}
	change.Old = ID(*sn.ID())
	if r.res.DryRun {
		return change, true, nil
	}
	id, err := engdata.SaveSnapshot(ctx, repo, r.altered(sn, tree, summary))
	change.New = ID(id)
	return change, true, err
}

// namesOnly saves nothing: a dry run wants to know what the trees would be called, and
// most of its time would go into compressing them.
type namesOnly struct{}

func (namesOnly) SaveBlob(ctx context.Context, _ engrestic.BlobType, text []byte, id engrestic.ID, _ bool) (engrestic.ID, bool, int, error) {
	if id.IsNull() {
		id = engrestic.Hash(text)
	}
	return id, false, 0, ctx.Err()
}

func (r *rewriter) altered(sn *engdata.Snapshot, tree engrestic.ID, summary *engdata.SnapshotSummary) *engdata.Snapshot {
	out := *sn
	out.Original = sn.ID() // with other content it is not the same snapshot any more
	out.Tree = &tree
	out.Tags = slices.Clone(sn.Tags)
	if summary != nil {
		out.Summary = summary
	}
	if !r.forget {
		out.AddTags([]string{r.tag})
	}
	if !r.at.IsZero() {
		out.Time = r.at
	}
	if r.host != "" {
		out.Hostname = r.host
	}
	return &out
}
