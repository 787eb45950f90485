package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/filter"
	"github.com/restic/restic/rwmlink/repository"
)

// FindOptions says what to look for: paths that match Patterns, or else the places where blobs, trees or the content of packs are used.
type FindOptions struct {
	// Filter selects the snapshots to search.
	Filter SnapshotFilter
	// Patterns are restic's patterns for paths; one that matches is enough.
	Patterns []string
	// IgnoreCase ignores the case of letters in Patterns.
	IgnoreCase bool
	// Oldest and Newest limit the modification time of what is found. Zero means no limit.
	Oldest, Newest time.Time
	// Blobs, Trees and Packs are IDs, whole or their first 8 digits. Only one of them and Patterns can be given.
	Blobs, Trees, Packs []string
	// OldestFirst searches the oldest snapshot first; the default is the newest.
	OldestFirst bool
	// OnEvent receives Warning events.
	OnEvent func(Event)
}

// Found is something that was found in a snapshot.
type Found struct {
	Snapshot Snapshot
	// Path is where it is: the path of the node, of the file that uses the blob, or of the directory of the tree.
	Path string
	// Node is what matched a pattern. It is nil when IDs are searched for.
	Node *Node
	// Blob is the blob or tree that was found when IDs are searched for.
	Blob BlobHandle
	// Tree is the tree that names the file, for a data blob.
	Tree ID
}

// Find searches snapshots, one after the other, and calls fn for each find. An error of fn ends the search and is returned.
//
// A tree that cannot be read is left out: a Warning event names it, and the error at the end wraps ErrDamaged.
func (s *Session) Find(ctx context.Context, o FindOptions, fn func(Found) error) error {
	if err := o.check(); err != nil {
		return err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	var selected data.Snapshots
	return s.readSnapshots(ctx, func(ctx context.Context, repo *repository.Repository) (err error) {
		selected, err = s.view.choose(ctx, repo, o.Filter, rep)
		return err
	}, func(ctx context.Context, repo *repository.Repository) error {
		if !o.OldestFirst {
			slices.Reverse(selected)
		}
		f := finder{ctx: ctx, repo: repo, o: o, rep: rep, fn: fn}
		if err := f.prepare(); err != nil {
			return err
		}
		for _, sn := range selected {
			if err := f.snapshot(sn); err != nil {
				return err
			}
		}
		if len(f.unread) > 0 {
			return fmt.Errorf("%w: %d directories could not be searched: %s", ErrDamaged, len(f.unread), joinItems(f.unread))
		}
		return nil
	})
}

func (o *FindOptions) check() error {
	given := 0
	for _, list := range [][]string{o.Patterns, o.Blobs, o.Trees, o.Packs} {
		if len(list) > 0 {
			given++
		}
	}
	switch {
	case given == 0:
		return errors.New("find: nothing to look for given")
	case given > 1:
		return errors.New("find: patterns, blobs, trees and packs cannot be searched for together")
	case !o.Oldest.IsZero() && !o.Newest.IsZero() && o.Oldest.After(o.Newest):
		return errors.New("find: the oldest time must not be after the newest one")
	}
	if err := filter.ValidatePatterns(o.Patterns); err != nil {
		return fmt.Errorf("find: %w", patternError(err))
	}
	return nil
}

// matches reports whether a node is to be found, and whether something below it may be.
func (o *FindOptions) matches(name string, node *data.Node) (found, below bool, err error) {
	if o.IgnoreCase {
		name = strings.ToLower(name)
	}
	for _, pattern := range o.Patterns {
		if o.IgnoreCase {
			pattern = strings.ToLower(pattern)
		}
		match, err := filter.Match(pattern, name)
		if err != nil {
			return false, false, err
		}
		child, err := filter.ChildMatch(pattern, name)
		if err != nil {
			return false, false, err
		}
		found, below = found || match, below || child
	}
	if !o.Oldest.IsZero() && node.ModTime.Before(o.Oldest) || !o.Newest.IsZero() && node.ModTime.After(o.Newest) {
		found = false
	}
	return found, below, nil
}
