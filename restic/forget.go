package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"

	"github.com/cesnet/rwm/internal/plural"
)

// ForgetOptions selects the snapshots to remove: those Filter.IDs names, or else those
// of the selected ones that Policy does not keep.
type ForgetOptions struct {
	// Filter selects the snapshots the policy is applied to. Latest has no meaning here
	// and is refused.
	Filter SnapshotFilter
	// Select limits the policy further, to the snapshots for which it returns true. It
	// has no meaning for snapshots named by Filter.IDs.
	Select func(Snapshot) bool
	// Policy is applied to each group on its own. An empty policy is refused unless
	// AllowRemoveAll is set and Filter selects by host, tag or path.
	Policy Policy
	// GroupBy is host and paths by default.
	GroupBy GroupBy
	// AllowRemoveAll lets an empty policy remove all selected snapshots.
	AllowRemoveAll bool
	// DryRun decides, and plans the prune, but removes nothing.
	DryRun bool
	// Prune, if not nil, prunes when snapshots were removed. Its DryRun and OnEvent are
	// those given here.
	Prune *PruneOptions
	// OnEvent receives ForgetDecided, Progress, Message, Warning and SnapshotRemoved
	// events, and with Prune those of a prune.
	OnEvent func(Event)
}

// ForgetDecided lists the snapshots to be removed, before any is. In a dry run none
// will be.
type ForgetDecided struct {
	DryRun bool
	Groups []ForgetGroup // what the policy decided; nil when the snapshots were named
	Remove []ID
}

// SnapshotRemoved reports a removed snapshot.
type SnapshotRemoved struct{ ID ID }

func (ForgetDecided) event()   {}
func (SnapshotRemoved) event() {}

// ForgetResult holds what was forgotten, or would be in a dry run.
type ForgetResult struct {
	DryRun bool
	// Groups is what the policy decided. It is nil when the snapshots were named.
	Groups []ForgetGroup
	// Removed are the snapshots that were removed (in a dry run: would be), in the
	// order of their IDs.
	Removed []ID
	// Failed are the snapshots that could not be removed.
	Failed []ItemError
	// Unreadable are snapshots that could not be read and so were not considered. They
	// were left alone.
	Unreadable []ItemError
	// Prune is the result of the prune, nil if there was none.
	Prune *PruneResult
	// PruneLeft says that the host is sealed, so that pruning was left to the keeper.
	PruneLeft bool
}

// RemoveError lists the snapshots that could not be removed; the others were. It
// matches ErrNotRemoved, and ExitCode is 3, as with restic.
type RemoveError struct{ Failed []ItemError }

func (e *RemoveError) Error() string {
	return fmt.Sprintf("%s could not be removed: %s", plural.Of(len(e.Failed), "snapshot"), joinItems(e.Failed))
}

// Unwrap returns the errors of the single snapshots.
func (e *RemoveError) Unwrap() []error { return itemErrors(e.Failed) }

// Is makes errors.Is(err, ErrNotRemoved) true.
func (e *RemoveError) Is(target error) bool { return target == ErrNotRemoved }

// Forget removes snapshots; data that only they use stays until a prune.
//
// Nothing is removed if the options are invalid, a named snapshot does not exist, or
// the policy would leave a group empty. If some snapshots cannot be removed, the error
// is a *RemoveError, the result lists them, and no prune takes place. The result may
// come with an error.
func (s *Session) Forget(ctx context.Context, o ForgetOptions) (*ForgetResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()

	var res *ForgetResult
	var list snapshotList
	choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
		if list, err = s.view.load(ctx, repo, nil); err == nil {
			res, err = o.decide(list, rep)
		}
		if err == nil {
			rep.emit(ForgetDecided{DryRun: o.DryRun, Groups: res.Groups, Remove: slices.Clone(res.Removed)})
		}
		return err
	}
	a := removing(o.DryRun, o.Prune != nil, choose)
	a.sealed = true // snapshots can be forgotten without their data
	err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) (err error) {
		if !o.DryRun {
			if err := s.forget(ctx, repo, res, rep); err != nil {
				return err
			}
		}
		if o.Prune == nil || len(res.Removed) == 0 {
			return nil
		}
		if err := s.mayRead(ctx, repo); errors.Is(err, ErrSealed) {
			res.PruneLeft = true
			rep.emit(Message{Level: 1, Text: "this host is sealed: the prune is left to the keeper or the admin"})
			return nil
		}
		text := "%d snapshots have been removed, running prune"
		if o.DryRun {
			text = "%d snapshots would be removed, running prune dry run"
		}
		rep.emit(Message{Level: 1, Text: fmt.Sprintf(text, len(res.Removed))})
		po := *o.Prune
		po.DryRun = o.DryRun
		res.Prune, err = s.prune(ctx, repo, po, rep, list.without(res.Removed))
		return err
	})
	return res, err
}

func (o *ForgetOptions) check() error {
	if err := o.Policy.check(); err != nil {
		return err
	}
	if o.Filter.Latest != 0 {
		return errors.New("forget: use Policy.Last, not Filter.Latest")
	}
	if o.Prune != nil {
		if err := o.Prune.check(); err != nil {
			return err
		}
	}
	if len(o.Filter.IDs) > 0 || !o.Policy.Empty() {
		return nil
	}
	if !o.AllowRemoveAll {
		return errors.New("forget: neither snapshots nor a policy given, nothing was removed")
	}
	if o.Filter.empty() {
		return errors.New("forget: removing all snapshots needs a filter by host, tag or path, nothing was removed")
	}
	return nil
}

// decide determines what to remove, without removing it.
func (o *ForgetOptions) decide(list snapshotList, rep *reporter) (*ForgetResult, error) {
	res := &ForgetResult{DryRun: o.DryRun, Unreadable: list.broken}
	for _, b := range list.broken {
		rep.warn(fmt.Sprintf("snapshot %s cannot be read and is left alone", b.Item), b.Err)
	}
	selected, err := list.selectAll(o.Filter, rep)
	if len(o.Filter.IDs) > 0 {
		if err != nil {
			return nil, fmt.Errorf("nothing was removed: %w", err)
		}
		for _, sn := range selected {
			res.Removed = append(res.Removed, fromEngine(sn.ID()))
		}
	} else {
		by := o.GroupBy
		if by == GroupByDefault {
			by = GroupByHost | GroupByPaths
		}
		if o.Select != nil {
			selected = slices.DeleteFunc(slices.Clone(selected), func(sn *engdata.Snapshot) bool {
				return !o.Select(newSnapshot(sn))
			})
		}
		for _, g := range groupSnapshots(selected, by) {
			group, err := applyPolicy(g, o.Policy)
			if err != nil {
				return nil, err
			}
			res.Groups = append(res.Groups, group)
			for _, sn := range group.Remove {
				res.Removed = append(res.Removed, sn.ID)
			}
		}
	}
	slices.SortFunc(res.Removed, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	return res, nil
}

// forget removes the snapshots of r.Removed and leaves in it those that were really
// removed.
func (s *Session) forget(ctx context.Context, repo *engrepository.Repository, r *ForgetResult, rep *reporter) error {
	bar := rep.counter("files deleted")
	bar.SetMax(uint64(len(r.Removed)))
	defer bar.Done()

	r.Failed = s.removeSnapshots(ctx, repo, r.Removed, rep, func(ID) { bar.Add(1) })
	if len(r.Failed) == 0 {
		return nil
	}
	failed := make(map[string]bool)
	for _, f := range r.Failed {
		failed[f.Item] = true
	}
	slices.SortFunc(r.Failed, func(a, b ItemError) int { return strings.Compare(a.Item, b.Item) })
	r.Removed = slices.DeleteFunc(r.Removed, func(id ID) bool { return failed[id.String()] })
	err := &RemoveError{Failed: r.Failed}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// without returns the snapshots except the given ones.
func (l snapshotList) without(gone []ID) snapshotList {
	isGone := make(map[ID]bool, len(gone))
	for _, id := range gone {
		isGone[id] = true
	}
	left := snapshotList{broken: l.broken}
	left.all = slices.DeleteFunc(slices.Clone(l.all), func(sn *engdata.Snapshot) bool { return isGone[fromEngine(sn.ID())] })
	return left
}
