package restic

import (
	"context"
	"fmt"
	"path"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// dumpCache is the size of the cache of blobs in the engine's dumper.
const dumpCache = 64 << 20

// dumpAhead is the repository as a dump reads it. A planner walks the trees in the
// order of the archive, ahead of the engine's dumper. It queues the data that the
// dumper will ask for, and hands trees on to it. The dumper loads from the repository
// what the planner does not have, so it always gets the same bytes and the same errors.
//
// Beside the dumper's own cache, it holds up to aheadData of blobs, a blob as stored
// for each connection, and aheadTrees of trees twice: loaded ahead of the planner, and
// handed on by it.
type dumpAhead struct {
	blobLoader // the repository
	*dataAhead
	trees *treeAhead
	end   context.CancelFunc

	// guarded by the mutex of dataAhead
	feed     []*aheadTree // trees that the dumper has not asked for yet
	feedSize int64
	first    int // the number of feed[0], counting all trees from the beginning
	asked    int // how many the dumper has asked for
	noMore   bool

	levels []dumpLevel // where the dumper is
}

// dumpLevel is a directory that the dumper has come to: the length of its path, and
// those of the names of the directories in it that the dumper has yet to come to.
type dumpLevel struct {
	path int
	dirs []int
}

// dumpAhead runs dump on the repository with a planner ahead of it.
func (s *Session) dumpAhead(ctx context.Context, repo *engrepository.Repository, plan func(*dumpAhead), dump func(blobLoader) error) error {
	r, err := s.bareReader(repo)
	if err != nil {
		return err
	}
	a := newDumpAhead(ctx, r, repo)
	defer a.stop()
	a.begin(plan)
	return dump(a)
}

func newDumpAhead(ctx context.Context, r *Reader, repo blobLoader) *dumpAhead {
	ctx, end := context.WithCancel(ctx)
	a := &dumpAhead{blobLoader: repo, dataAhead: newDataAhead(ctx, r, dumpCache), end: end}
	a.trees = newTreeAhead(ctx, repo)
	context.AfterFunc(ctx, a.finish)
	return a
}

// begin starts the planner.
func (a *dumpAhead) begin(plan func(*dumpAhead)) {
	a.loads.Go(func() {
		plan(a)
		a.flush()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.noMore = true
		a.changed.Broadcast()
	})
}

// stop aborts everything and waits until it has ended.
func (a *dumpAhead) stop() {
	a.end()
	a.trees.wait()
	a.wait()
	a.reader.zstd.Close()
}

// planTree plans a directory, and returns false at the end of the dump.
func (a *dumpAhead) planTree(id engrestic.ID) bool {
	e, err := a.trees.take(a.ctx, id, "")
	if err != nil || !a.hand(e) || e.odd {
		return false
	}
	for _, n := range e.nodes {
		switch n.Type {
		case engdata.NodeTypeFile:
			if !a.planFile(n.Content) {
				return false
			}
		case engdata.NodeTypeDir:
			if n.Subtree == nil || !a.planTree(*n.Subtree) {
				return false
			}
		}
	}
	return true
}

func (a *dumpAhead) planFile(content engrestic.IDs) bool {
	for _, id := range content {
		if !a.plan(ID(id)) {
			return false
		}
	}
	return true
}

// hand hands a tree to the dumper, unless that has gone past it.
func (a *dumpAhead) hand(e *aheadTree) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.feedSize > 0 && a.feedSize+e.cost() > aheadTrees && !a.ended {
		a.split()
		a.changed.Wait()
	}
	a.feed = append(a.feed, e)
	a.feedSize += e.cost()
	a.changed.Broadcast()
	return !a.ended
}

func (a *dumpAhead) LoadBlob(ctx context.Context, t engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	if t != engrestic.TreeBlob {
		if found := a.take(ctx, ID(id)); found != nil {
			return found, nil
		}
		return a.blobLoader.LoadBlob(ctx, t, id, buf)
	}
	raw, err := a.handed(ctx, id), error(nil)
	if raw == nil {
		raw, err = a.blobLoader.LoadBlob(ctx, t, id, buf)
	}
	if err == nil {
		err = a.enter(raw)
	}
	return raw, err
}

// enter checks a tree that the dumper has come to. No entry of an archive must lead
// those who unpack it to another place than its directory: by a name that is a path, or
// through a link of the same name. The dumper comes to trees depth first, and to each
// directory's once.
func (a *dumpAhead) enter(raw []byte) error {
	e := &aheadTree{raw: raw}
	e.decode()
	if err := twice(e, false); err != nil {
		return err
	}
	for len(a.levels) > 0 && len(a.levels[len(a.levels)-1].dirs) == 0 {
		a.levels = a.levels[:len(a.levels)-1]
	}
	var level dumpLevel
	if n := len(a.levels); n > 0 {
		above := &a.levels[n-1]
		level.path = above.path + len("/") + above.dirs[0]
		above.dirs = above.dirs[1:]
	}
	if err := checkDepth(level.path, len(a.levels)); err != nil {
		return err
	}
	for item := range e.all() {
		if item.Error != nil {
			break // which is the dumper's to report
		}
		n := item.Node
		if path.Base("/"+n.Name) != n.Name || n.Name == "." || n.Name == ".." || strings.ContainsRune(n.Name, 0) {
			return fmt.Errorf("%w: no entry can be named %q", ErrDamaged, n.Name)
		}
		if n.Type == engdata.NodeTypeDir {
			level.dirs = append(level.dirs, len(n.Name))
		}
	}
	a.levels = append(a.levels, level)
	return nil
}

// handed returns the tree that the dumper asks for, if the planner has it. The dumper
// does not wait for a planner that waits for the dumper.
func (a *dumpAhead) handed(ctx context.Context, id engrestic.ID) []byte {
	defer context.AfterFunc(ctx, a.wake)()
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.asked
	a.asked++
	for {
		for len(a.feed) > 0 && a.first <= n {
			e := a.feed[0]
			a.feed[0] = nil
			a.feed = a.feed[1:]
			a.first++
			a.feedSize -= e.cost()
			a.changed.Broadcast()
			if a.first > n && e.id == id {
				return e.raw
			}
		}
		if a.first > n || a.noMore || a.ended || a.waiting || ctx.Err() != nil {
			return a.trees.peek(id)
		}
		a.changed.Wait()
	}
}

func (a *dumpAhead) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed.Broadcast()
}
