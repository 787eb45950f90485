package restic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// snapshotView keeps the snapshots a session has read. A snapshot's name is the hash of
// its content, so it never has to be read twice; only the list of names is requested
// each time, since other hosts may write to the repository too.
type snapshotView struct {
	mu    sync.Mutex
	byID  map[engrestic.ID]*engdata.Snapshot
	whole bool  // byID has all that were listed once
	most  int64 // 0 means mostOfSnapshots; for tests
}

// mostOfSnapshots bounds the total size of paths, tags and the like in the snapshots of
// a repository. Each snapshot is bounded by its size in the storage, but an attacker
// can write any number of them, which unpack to many times that.
const mostOfSnapshots = 1 << 30

// heldBy estimates the memory that a snapshot takes.
func heldBy(sn *engdata.Snapshot) int64 {
	n := len(sn.Hostname) + len(sn.Username) + len(sn.ProgramVersion)
	for _, list := range [][]string{sn.Paths, sn.Tags, sn.Excludes} {
		for _, text := range list {
			n += len(text) + 16 // of its header
		}
	}
	return int64(n)
}

// load lists the snapshots and reads, in parallel, those not known yet. With names,
// that is prefixes of IDs, it reads no others; nil means all. An operation that read
// them ahead gets those.
func (v *snapshotView) load(ctx context.Context, repo *engrepository.Repository, names []string) (snapshotList, error) {
	if list, ok := aheadOf(ctx).snapshots(names); ok {
		return list, nil
	}
	return v.loadThen(ctx, repo, names, func() {})
}

// loadThen is load, and calls listed once the snapshots are listed, before all are
// read.
func (v *snapshotView) loadThen(ctx context.Context, repo *engrepository.Repository, names []string, listed func()) (snapshotList, error) {
	v.mu.Lock()
	known := v.byID
	v.mu.Unlock()

	var mu sync.Mutex
	now := make(map[engrestic.ID]*engdata.Snapshot, len(known))
	var list snapshotList
	var size int64
	most := cmp.Or(v.most, mostOfSnapshots)
	err := engrestic.ParallelList(ctx, listedThen{repo, listed}, engrestic.SnapshotFile, repo.Connections(), func(ctx context.Context, id engrestic.ID, _ int64) error {
		sn := known[id]
		var err error
		if sn == nil {
			if names != nil && !wanted(id, names) {
				return nil
			}
			sn, err = readSnapshot(ctx, repo, id)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			list.broken = append(list.broken, ItemError{Item: id.String(), Err: err})
			return nil
		}
		now[id] = sn
		if size += heldBy(sn); size > most {
			return fmt.Errorf("%w: the snapshots have more than %d MiB of paths and tags together, as no backup writes them; "+
				"look at a moment before (--at), or remove the largest objects below snapshots/", ErrDamaged, most>>20)
		}
		return nil
	})
	if err != nil {
		return snapshotList{}, fmt.Errorf("listing snapshots: %w", err)
	}
	v.mu.Lock()
	v.byID, v.whole = now, v.whole || names == nil
	v.mu.Unlock()

	for _, sn := range now {
		list.all = append(list.all, cloneSnapshot(sn))
	}
	sortSnapshots(list.all)
	slices.SortFunc(list.broken, func(a, b ItemError) int { return strings.Compare(a.Item, b.Item) })
	return list, nil
}

// listedThen calls then once a listing is complete. The listing runs ahead of the
// processing of the IDs.
type listedThen struct {
	*engrepository.Repository
	then func()
}

// listedAhead is how many IDs are listed ahead.
const listedAhead = 4096

func (l listedThen) List(ctx context.Context, t engrestic.FileType, fn func(engrestic.ID, int64) error) (err error) {
	type file struct {
		id   engrestic.ID
		size int64
	}
	files := make(chan file, listedAhead)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(files)
		err = l.Repository.List(ctx, t, func(id engrestic.ID, size int64) error {
			select {
			case files <- file{id, size}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err == nil {
			l.then()
		}
	}()
	var failed error
	for f := range files {
		if failed == nil {
			if failed = fn(f.id, f.size); failed != nil {
				cancel()
			}
		}
	}
	return cmp.Or(failed, err)
}

func wanted(id engrestic.ID, names []string) bool {
	text := id.String()
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(text, name) })
}

// choose returns the snapshots that f selects. An unreadable one is an error.
func (v *snapshotView) choose(ctx context.Context, repo *engrepository.Repository, f SnapshotFilter, rep *reporter) (engdata.Snapshots, error) {
	list, err := v.load(ctx, repo, f.names())
	if err != nil {
		return nil, err
	}
	return list.selectAll(f, rep)
}

// find returns one snapshot as snapshotList.find does, without listing if name is a
// full ID.
func (v *snapshotView) find(ctx context.Context, repo *engrepository.Repository, name string, f SnapshotFilter) (*engdata.Snapshot, string, error) {
	prefix, folder, _ := strings.Cut(name, ":")
	if id, err := engrestic.ParseID(prefix); err == nil {
		v.mu.Lock()
		sn := v.byID[id]
		v.mu.Unlock()
		if sn == nil {
			sn = aheadOf(ctx).snapshot(id)
		}
		if sn == nil {
			sn, err = readSnapshot(ctx, repo, id)
		}
		if err == nil {
			return cloneSnapshot(sn), folder, nil
		}
		// A listing distinguishes "does not exist" from "cannot be read".
	}
	list, err := v.load(ctx, repo, SnapshotFilter{IDs: []string{name}}.names())
	if err != nil {
		return nil, "", err
	}
	return list.find(name, f)
}

// finder returns find for an operation that names several snapshots. If it lists them,
// it does so once: names are as in load.
func (v *snapshotView) finder(ctx context.Context, repo *engrepository.Repository, lists bool, names []string) func(name string, f SnapshotFilter) (*engdata.Snapshot, string, error) {
	if !lists {
		return func(name string, f SnapshotFilter) (*engdata.Snapshot, string, error) {
			return v.find(ctx, repo, name, f)
		}
	}
	list, err := v.load(ctx, repo, names)
	return func(name string, f SnapshotFilter) (*engdata.Snapshot, string, error) {
		if err != nil {
			return nil, "", err
		}
		sn, folder, err := list.find(name, f)
		if err != nil {
			return nil, "", err
		}
		return cloneSnapshot(sn), folder, nil // both may be the same
	}
}

// exactIDs returns the IDs that names are, if find need list no snapshots for any of
// them; nil otherwise. It lists them after all where one is missing.
func exactIDs(names ...string) (ids []engrestic.ID) {
	for _, name := range names {
		prefix, _, _ := strings.Cut(name, ":")
		id, err := engrestic.ParseID(prefix)
		if err != nil {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// readSnapshot reads one snapshot and rejects one without a tree, on which the engine
// would panic.
func readSnapshot(ctx context.Context, repo engrestic.LoaderUnpacked, id engrestic.ID) (*engdata.Snapshot, error) {
	sn, err := engdata.LoadSnapshot(ctx, repo, id)
	if err != nil {
		return nil, err
	}
	if sn.Tree == nil || sn.Tree.IsNull() {
		return nil, fmt.Errorf("snapshot %s names no tree", id.Str())
	}
	return sn, nil
}

// cloneSnapshot copies what callers and the engine may change: grouping sorts tags and
// paths in place.
func cloneSnapshot(sn *engdata.Snapshot) *engdata.Snapshot {
	c := *sn
	c.Paths = slices.Clone(sn.Paths)
	c.Tags = slices.Clone(sn.Tags)
	return &c
}
