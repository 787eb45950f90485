package restic

import (
	"context"
	"errors"
	"fmt"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// LsOptions configures a listing.
type LsOptions struct {
	// Snapshot is an ID, a prefix of one or "latest", and optionally a folder in it:
	// "latest:/home/me".
	Snapshot string
	// Filter narrows down which snapshot is the latest.
	Filter SnapshotFilter
	// Dirs limits the listing to these absolute paths and what is directly in them.
	// Without any, everything is listed.
	Dirs []string
	// Recursive lists everything below Dirs.
	Recursive bool
	// Sort orders all nodes; SortByPath, the default, lists them in the order of the
	// trees, directories before what is in them. Any other order, and Reverse, holds
	// all nodes in memory.
	Sort    SortBy
	Reverse bool
}

// LsVisitor receives what Ls lists. Nil functions are skipped. An error from a function
// aborts the listing and is returned by Ls.
type LsVisitor struct {
	// Snapshot is called first.
	Snapshot func(Snapshot) error
	// Node is called for each node that is listed.
	Node func(Node) error
	// Above is called for each directory on the way to one of Dirs, which is not listed
	// itself. Not when sorting.
	Above func(Node) error
	// LeaveDir is called with the path of each directory that was listed or is above,
	// after what is in it. Not when sorting.
	LeaveDir func(path string) error
}

// Ls lists the files of a snapshot as it reads them.
func (s *Session) Ls(ctx context.Context, o LsOptions, v LsVisitor) error {
	if err := o.check(); err != nil {
		return err
	}
	l := lister{o: o, v: v}
	return s.walkSnapshot(ctx, o.Snapshot, o.Filter, l.walking(), func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
		if v.Snapshot != nil {
			if err := v.Snapshot(newSnapshot(sn)); err != nil {
				return err
			}
		}
		var end func()
		l.ctx = ctx
		l.trees, end = l.walking().begin(ctx, repo, engrestic.IDs{*sn.Tree})
		defer end()
		if o.Sort == SortByPath && !o.Reverse {
			return l.dir(*sn.Tree, "/")
		}
		var nodes []Node
		l.v = LsVisitor{Node: func(n Node) error {
			nodes = append(nodes, n)
			return nil
		}}
		if err := l.dir(*sn.Tree, "/"); err != nil || v.Node == nil {
			return err
		}
		o.Sort.sort(nodes, o.Reverse)
		for _, n := range nodes {
			if err := v.Node(n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *LsOptions) check() error {
	if o.Snapshot == "" {
		return errors.New("ls: no snapshot given; \"latest\" is the newest one")
	}
	for _, dir := range o.Dirs {
		if !strings.HasPrefix(dir, "/") {
			return fmt.Errorf("ls: the path %q is not absolute: it must begin with a slash", dir)
		}
	}
	return o.Sort.check()
}

// lister walks the trees of a snapshot.
type lister struct {
	ctx   context.Context
	trees *treeAhead
	o     LsOptions
	v     LsVisitor
}

// walking says which directories the walk enters.
func (l *lister) walking() walking {
	if len(l.o.Dirs) == 0 {
		return walking{}
	}
	return walking{once: true, wants: func(name string, _ *engdata.Node) bool {
		listed, above := l.visits(name)
		return l.enters(name, listed, above)
	}}
}

// visits reports whether a path is listed or leads to one that is.
func (l *lister) visits(name string) (listed, above bool) {
	listed = l.within(name)
	return listed, !listed && l.leadsTo(name)
}

// enters reports whether the walk enters a directory.
func (l *lister) enters(name string, listed, above bool) bool {
	return above || listed && (len(l.o.Dirs) == 0 || l.o.Recursive || l.leadsTo(name))
}

func (l *lister) dir(id engrestic.ID, dir string) error {
	return l.trees.eachNode(l.ctx, id, dir, func(name string, node *engdata.Node) error {
		listed, above := l.visits(name)
		visit := l.v.Node
		if above {
			visit = l.v.Above
		}
		if (listed || above) && visit != nil {
			if err := visit(newNode(name, node)); err != nil {
				return err
			}
		}
		if node.Type != engdata.NodeTypeDir || !listed && !above {
			return nil
		}
		if l.enters(name, listed, above) {
			if err := l.dir(*node.Subtree, name); err != nil {
				return err
			}
		}
		if l.v.LeaveDir != nil {
			return l.v.LeaveDir(name)
		}
		return nil
	})
}

// within reports whether a path is one of the wanted ones or below one.
func (l *lister) within(name string) bool {
	if len(l.o.Dirs) == 0 {
		return true
	}
	for _, dir := range l.o.Dirs {
		if pathBelow(dir, name) {
			return true
		}
	}
	return false
}

// leadsTo reports whether a path is one of the wanted ones or above one.
func (l *lister) leadsTo(name string) bool {
	for _, dir := range l.o.Dirs {
		if pathBelow(name, dir) {
			return true
		}
	}
	return false
}

// pathBelow reports whether the path p is base or below it.
func pathBelow(base, p string) bool {
	base, p = strings.TrimRight(base, "/"), strings.TrimRight(p, "/")
	return p == base || strings.HasPrefix(p, base+"/")
}
