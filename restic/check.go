package restic

import (
	"context"
	"fmt"
	"os"
	"sync"

	engcache "github.com/restic/restic/rwmlink/cache"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
)

// CheckOptions configures a check.
type CheckOptions struct {
	// Filter limits the check of trees, and with ReadData of packs, to what these
	// snapshots use. Without IDs, Hosts, Tags and Paths everything is checked.
	Filter SnapshotFilter
	// ReadData reads packs and checks every blob in them. Without it, Check examines
	// all trees but only the names and sizes of packs.
	ReadData bool
	// Subset limits ReadData to some of the packs. The zero value means all of them.
	Subset ReadSubset
	// WithCache trusts the local cache. By default everything is read from the storage,
	// since a warm cache hides damage there.
	WithCache bool
	// OnEvent receives Progress and Warning events, and a CheckFinding as soon as
	// something is found.
	OnEvent func(Event)
}

// CheckFinding reports one finding while the check goes on.
type CheckFinding struct{ Finding }

func (CheckFinding) event() {}

// CheckResult holds what a check examined and found.
type CheckResult struct {
	// Findings is what was found, in the order it was found: at most the first 1000
	// that are damage, and as many that are not. OnEvent receives all.
	Findings []Finding
	// Errors counts the findings that are damage, Untidy those that are not.
	Errors, Untidy int
	// Affected lists the snapshots that cannot be restored completely and their
	// affected paths.
	Affected []AffectedSnapshot
	// DamagedPacks are packs whose content is wrong; RepairPacks salvages what it can
	// from them.
	DamagedPacks []ID
	// SuggestRepairIndex and SuggestPrune suggest how to tidy up what is not damage.
	SuggestRepairIndex, SuggestPrune bool

	// Snapshots, Trees, Packs and IndexFiles count what was examined, PacksRead the
	// packs that were read completely, BytesRead their size.
	Snapshots, Trees, Packs, PacksRead int
	BytesRead                          uint64
}

// Check looks for damage: unreadable or inconsistent indexes, missing, truncated or
// unknown packs, snapshots and trees that cannot be read or refer to missing data and,
// with ReadData, packs with wrong content.
//
// If there is damage, the error wraps ErrDamaged and the result describes it. The
// result also comes with any other error, and holds what was found until then.
//
// A check takes no more than a shared lock, so backups may run beside it: snapshots are
// listed before the index is read, and the index before the packs, so what is reported
// as missing really is. Packs that a running backup has not put into an index yet are
// reported as PackNotIndexed.
func (s *Session) Check(ctx context.Context, o CheckOptions) (*CheckResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	return s.check(ctx, o, rep)
}

// check checks the repository for Check and Migrate.
func (s *Session) check(ctx context.Context, o CheckOptions, rep *reporter) (*CheckResult, error) {
	c := &checkRun{o: o, rep: rep, res: &CheckResult{}}
	a := access{object: uncachedObject, settled: true}
	if o.WithCache {
		a.object = ownObject
	}
	err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
		if !o.WithCache && s.cache != nil {
			defer s.emptyCache(repo, rep)()
		}
		c.repo, c.stack = repo, s.stack
		return c.run(ctx)
	})
	if err == nil && c.res.Errors > 0 {
		err = fmt.Errorf("%s: %w: %s found, the first one: %w", s.Location(), ErrDamaged, plural.Of(c.res.Errors, "error"), c.first)
	}
	return c.res, err
}

func (o *CheckOptions) check() error {
	if o.Filter.Latest != 0 {
		return fmt.Errorf("check: Filter.Latest has no meaning here")
	}
	if o.Subset.kind != subsetAll && !o.ReadData {
		return fmt.Errorf("check: Subset needs ReadData")
	}
	return o.Subset.check()
}

// emptyCache gives repo a temporary cache for the check: without one, every tree would
// take its own request.
func (s *Session) emptyCache(repo *engrepository.Repository, rep *reporter) (cleanup func()) {
	dir, err := os.MkdirTemp("", "restic-check-cache-")
	if err != nil {
		rep.warn("checking without a cache, which is slower", err)
		return func() {}
	}
	cleanup = func() {
		if err := os.RemoveAll(dir); err != nil {
			rep.warn("the temporary cache of the check could not be removed", err)
		}
	}
	c, err := engcache.New(repo.Config().ID, dir)
	if err != nil {
		rep.warn("checking without a cache, which is slower", err)
		return cleanup
	}
	repo.UseCache(c, func(format string, args ...any) { rep.warn(fmt.Sprintf(format, args...), nil) })
	return cleanup
}

// checkRun is one check in progress.
type checkRun struct {
	o    CheckOptions
	rep  *reporter
	repo *engrepository.Repository
	// stack lists packs.
	stack *tracker

	mu    sync.Mutex
	res   *CheckResult
	first error

	snapshots snapshotList
	// what the selected snapshots use; nil when all are selected
	used *blobSet
	bad  badObjects
}

func (c *checkRun) filtered() bool { return len(c.o.Filter.IDs) > 0 || !c.o.Filter.empty() }

func (c *checkRun) run(ctx context.Context) error {
	c.bad = newBadObjects()
	var view snapshotView // an empty one: the snapshots must come from the storage
	all, err := view.load(ctx, c.repo, nil)
	if err != nil {
		return err
	}
	if err := c.selectSnapshots(all); err != nil {
		return err
	}
	usable, err := c.checkIndex(ctx)
	if err != nil || !usable {
		return err
	}
	if c.filtered() {
		c.used = newBlobSet(c.repo)
	}
	for _, step := range []func(context.Context) error{c.checkPacks, c.checkTrees, c.readPacks, c.findAffected} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *checkRun) selectSnapshots(all snapshotList) error {
	for _, b := range all.broken {
		id, _ := ParseID(b.Item)
		c.add(Finding{Kind: SnapshotUnreadable, Snapshot: id, Err: b.Err})
	}
	c.snapshots = all
	if c.filtered() {
		// Unreadable snapshots are in the findings already; those asked for by name
		// must be there.
		selected, err := all.selectAll(c.o.Filter, c.rep)
		if err != nil && len(c.o.Filter.IDs) > 0 {
			return err
		}
		c.snapshots = snapshotList{all: selected, broken: all.broken}
	}
	c.res.Snapshots = len(c.snapshots.all)
	return nil
}

// add records a finding. It may be called from several goroutines.
func (c *checkRun) add(f Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := &c.res.Untidy
	if f.Damage() {
		count = &c.res.Errors
		if c.first == nil {
			c.first = f
		}
	}
	if *count < maxBroken {
		c.res.Findings = append(c.res.Findings, f)
	}
	*count++
	c.rep.emit(CheckFinding{f})
}

func treeIDs(list engdata.Snapshots) engrestic.IDs {
	ids := make(engrestic.IDs, len(list))
	for i, sn := range list {
		ids[i] = *sn.Tree
	}
	return ids
}
