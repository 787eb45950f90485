package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// TagOptions configures a change of tags.
type TagOptions struct {
	Filter SnapshotFilter
	// Set replaces all tags; a single empty string removes them all. It cannot be given
	// together with Add and Remove.
	Set []string
	// Add adds tags, Remove removes some.
	Add, Remove []string
	// OnEvent receives SnapshotReplaced and Warning events.
	OnEvent func(Event)
}

// SnapshotChange is a snapshot that replaced another. Encoded as JSON it has the fields
// `restic tag --json` prints.
type SnapshotChange struct {
	Old ID `json:"old_snapshot_id"`
	New ID `json:"new_snapshot_id"`
}

// SnapshotReplaced reports a snapshot that was saved again with changes.
type SnapshotReplaced struct{ SnapshotChange }

func (SnapshotReplaced) event() {}

// TagResult lists the snapshots that were changed.
type TagResult struct {
	Changed []SnapshotChange
	// Failed lists snapshots that could not be read or changed, and old ones that could
	// not be removed.
	Failed []ItemError
}

// Tag changes the tags of snapshots. A snapshot with other tags is another snapshot:
// its ID changes, Original keeps the first one. The old snapshots are removed only
// after all new ones are saved. If some snapshots cannot be changed, the error is a
// *SnapshotsError and the result lists them.
func (s *Session) Tag(ctx context.Context, o TagOptions) (*TagResult, error) {
	switch {
	case len(o.Set)+len(o.Add)+len(o.Remove) == 0:
		return nil, errors.New("tag: no tags to set, add or remove given")
	case len(o.Set) > 0 && len(o.Add)+len(o.Remove) > 0:
		return nil, errors.New("tag: tags cannot be set and added or removed at the same time")
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	res := &TagResult{}
	err := s.run(ctx, access{lock: exclusiveLock, lists: true, names: o.Filter.names()}, func(ctx context.Context, repo *engrepository.Repository) error {
		list, err := s.view.load(ctx, repo, o.Filter.names())
		if err != nil {
			return err
		}
		selected, err := list.selectAll(o.Filter, rep)
		if res.Failed, err = leaveOut(err, "changed"); err != nil {
			return err
		}
		changed := slices.DeleteFunc(selected, func(sn *engdata.Snapshot) bool { return !o.apply(sn) })
		if err := res.save(ctx, repo, changed); err != nil {
			return err
		}
		return res.finish(ctx, s, repo, rep)
	})
	if err == nil && len(res.Failed) > 0 {
		err = &SnapshotsError{Items: res.Failed}
	}
	return res, err
}

// apply changes the tags and reports whether anything changed.
func (o *TagOptions) apply(sn *engdata.Snapshot) bool {
	if len(o.Set) == 0 {
		added := sn.AddTags(withoutEmpty(o.Add))
		removed := sn.RemoveTags(withoutEmpty(o.Remove))
		return added || removed
	}
	sn.Tags = withoutEmpty(o.Set)
	return true
}

func withoutEmpty(tags []string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return tag == "" })
}

// save saves the changed snapshots. If it fails for one, the others that were saved
// stay beside their originals.
func (r *TagResult) save(ctx context.Context, repo *engrepository.Repository, list engdata.Snapshots) error {
	changes := make([]SnapshotChange, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(int(repo.Connections()))
	for i, sn := range list {
		g.Go(func() error {
			old := sn.ID()
			if sn.Original == nil {
				sn.Original = old
			}
			id, err := engdata.SaveSnapshot(ctx, repo, sn)
			if err != nil {
				return fmt.Errorf("saving snapshot %s with other tags: %w", old.Str(), err)
			}
			changes[i] = SnapshotChange{Old: ID(*old), New: ID(id)}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	r.Changed = changes
	return nil
}

// finish removes the snapshots that were replaced.
func (r *TagResult) finish(ctx context.Context, s *Session, repo *engrepository.Repository, rep *reporter) error {
	var old []ID
	for _, c := range r.Changed {
		rep.emit(SnapshotReplaced{c})
		old = append(old, c.Old)
	}
	r.Failed = append(r.Failed, s.removeSnapshots(ctx, repo, old, rep, nil)...)
	return ctx.Err()
}

// removeSnapshots removes snapshots from the cache and the storage and returns those
// that could not be removed.
func (s *Session) removeSnapshots(ctx context.Context, repo *engrepository.Repository, ids []ID, rep *reporter, done func(ID)) (failed []ItemError) {
	p, stop := s.postpone()
	for _, id := range ids {
		// takes it out of the cache
		if err := repo.RemoveUnpacked(ctx, engrestic.WriteableSnapshotFile, engrestic.ID(id)); err != nil {
			failed = append(failed, ItemError{Item: id.String(), Err: err})
		}
	}
	stop()
	s.removeAll(ctx, engrestic.SnapshotFile, p.names[engrestic.SnapshotFile], func(name string, err error) {
		if err != nil {
			failed = append(failed, ItemError{Item: name, Err: err})
			return
		}
		id, _ := ParseID(name)
		rep.emit(SnapshotRemoved{ID: id})
		if done != nil {
			done(id)
		}
	})
	return failed
}
