package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engfilter "github.com/restic/restic/rwmlink/filter"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
)

// FindOptions configures a search: paths that match Patterns, or else the places where
// blobs, trees or the content of packs are used.
type FindOptions struct {
	// Filter selects the snapshots to search.
	Filter SnapshotFilter
	// Patterns are restic's patterns for paths; one that matches is enough.
	Patterns []string
	// IgnoreCase ignores the case of letters in Patterns.
	IgnoreCase bool
	// Oldest and Newest limit the modification time of what is found. Zero means no
	// limit.
	Oldest, Newest time.Time
	// Blobs, Trees and Packs are IDs, whole or their first 8 digits. Only one of Blobs,
	// Trees, Packs and Patterns can be set.
	Blobs, Trees, Packs []string
	// OldestFirst searches the oldest snapshot first; the default is the newest.
	OldestFirst bool
	// OnEvent receives Warning events.
	OnEvent func(Event)
}

// Found is one match in a snapshot.
type Found struct {
	Snapshot Snapshot
	// Path is where it is: the path of the node, of the file that uses the blob, or of
	// the directory of the tree.
	Path string
	// Node is what matched a pattern. It is nil when IDs are searched for.
	Node *Node
	// Blob is the blob or tree that was found when IDs are searched for.
	Blob BlobHandle
	// Tree is the tree that names the file, for a data blob.
	Tree ID
}

// Find searches snapshots, one after the other, and calls fn for each match. An error
// from fn aborts the search and is returned.
//
// A tree that cannot be read is skipped: a Warning event names it, and the final error
// wraps ErrDamaged.
func (s *Session) Find(ctx context.Context, o FindOptions, fn func(Found) error) error {
	if err := o.check(); err != nil {
		return err
	}
	if fn == nil {
		return errors.New("find: the function for what is found is nil")
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()
	var selected engdata.Snapshots
	choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
		selected, err = s.view.choose(ctx, repo, o.Filter, rep)
		return err
	}
	a := access{index: true, choose: choose, lists: true, names: o.Filter.names(), walking: o.walking()}
	if len(o.Patterns) > 0 {
		a.walk = func(l snapshotList) engrestic.IDs {
			roots := o.Filter.roots(l)
			if !o.OldestFirst {
				slices.Reverse(roots)
			}
			return roots
		}
	}
	return s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
		if !o.OldestFirst {
			slices.Reverse(selected)
		}
		f := finder{ctx: ctx, repo: repo, o: o, rep: rep, fn: fn}
		if err := f.prepare(); err != nil {
			return err
		}
		defer f.loadAhead(selected)()
		for _, sn := range selected {
			if err := f.snapshot(sn); err != nil {
				return err
			}
		}
		if len(f.unread) > 0 {
			return fmt.Errorf("%w: %s could not be searched: %s", ErrDamaged, plural.Of(len(f.unread), "directory"), joinItems(f.unread))
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
		return errors.New("find: no patterns or IDs given")
	case given > 1:
		return errors.New("find: patterns, blobs, trees and packs cannot be searched for together")
	case !o.Oldest.IsZero() && !o.Newest.IsZero() && o.Oldest.After(o.Newest):
		return errors.New("find: the oldest time must not be after the newest one")
	}
	if err := engfilter.ValidatePatterns(o.Patterns); err != nil {
		return fmt.Errorf("find: %w", patternError(err))
	}
	return nil
}

// matches reports whether a node matches, and of a directory, whether something below
// it may.
func (o *FindOptions) matches(name string, modified time.Time, dir bool) (found, below bool, err error) {
	if o.IgnoreCase {
		name = strings.ToLower(name)
	}
	for _, pattern := range o.Patterns {
		if o.IgnoreCase {
			pattern = strings.ToLower(pattern)
		}
		match, err := engfilter.Match(pattern, name)
		if err != nil {
			return false, false, err
		}
		found = found || match
		if !dir || below {
			continue
		}
		if below, err = engfilter.ChildMatch(pattern, name); err != nil {
			return false, false, err
		}
	}
	if !o.Oldest.IsZero() && modified.Before(o.Oldest) || !o.Newest.IsZero() && modified.After(o.Newest) {
		found = false
	}
	return found, below, nil
}
