package restic

import (
	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	// maxKnownDirs and maxKnownFound bound what a search remembers of the directories
	// it has searched.
	maxKnownDirs  = 200_000
	maxKnownFound = 50_000
)

// loadAhead begins to load the trees of snapshots that are searched for patterns. The
// returned function ends that.
func (f *finder) loadAhead(list engdata.Snapshots) (end func()) {
	if len(f.o.Patterns) == 0 {
		return func() {}
	}
	f.known = make(map[treePlace][]Found)
	f.ahead, end = f.o.walking().begin(f.ctx, f.repo, treeIDs(list))
	return end
}

// walking is how a search for patterns goes through the trees.
func (o *FindOptions) walking() walking {
	return walking{once: true, wants: func(name string, n *engdata.Node) bool {
		_, below, err := o.matches(name, n.ModTime, true)
		return err == nil && below
	}}
}

// dirAhead searches a directory. The same tree at the same path, in another snapshot,
// has the same matches.
func (f *finder) dirAhead(id engrestic.ID, dir string) error {
	at := treePlace{id, dir}
	if known, ok := f.known[at]; ok {
		for _, found := range known {
			node := *found.Node
			found.Snapshot, found.Node = f.sn, &node
			if err := f.fn(found); err != nil {
				return err
			}
		}
		return nil
	}
	e, err := f.ahead.take(f.ctx, id, dir)
	if err != nil {
		return f.skip(dir, err)
	}
	unread, fn := len(f.unread), f.fn
	var found []Found
	f.fn = func(hit Found) error {
		if len(found) <= maxKnownFound {
			node := *hit.Node
			found = append(found, Found{Path: hit.Path, Node: &node})
		}
		return fn(hit)
	}
	err = f.nodes(id, dir, e.all())
	f.fn = fn
	if err == nil && len(f.unread) == unread && len(f.known) < maxKnownDirs && f.kept+len(found) <= maxKnownFound {
		f.known[at] = found
		f.kept += len(found)
	}
	return err
}
