package restic

import (
	"context"
	"errors"
	"fmt"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engwalker "github.com/restic/restic/rwmlink/walker"
)

// RewriteOptions configures a rewrite.
type RewriteOptions struct {
	Filter SnapshotFilter
	// Patterns selects the files to drop (excludes) or to keep (includes).
	Patterns
	// NewHost and NewTime replace host name and time, unless they are empty.
	NewHost string
	NewTime time.Time
	// Summary counts files and bytes again and adds a summary where there is none.
	Summary bool
	// Forget removes the original snapshots. Otherwise the new ones get the tag
	// "rewrite".
	Forget bool
	// DryRun changes nothing.
	DryRun bool
	// OnEvent receives SnapshotReplaced, SnapshotRemoved, Message and Warning events.
	OnEvent func(Event)
}

// RewriteResult holds what was changed, or would be in a dry run, where the new IDs are
// zero.
type RewriteResult struct {
	DryRun bool
	// Changed are the snapshots that were saved anew.
	Changed []SnapshotChange
	// Emptied are the snapshots that became empty and were removed.
	Emptied []ID
	// Unchanged counts the snapshots that stayed as they were.
	Unchanged int
	// Failed lists snapshots that could not be read, and originals that could not be
	// removed.
	Failed []ItemError
	// Repairs lists what RepairSnapshots repaired, with the paths.
	Repairs []Repair
}

// Rewrite makes new snapshots that lack some files, or have another host name or time.
// The data that only the originals use stays until they are forgotten and the
// repository is pruned. A snapshot that the excludes leave empty is removed.
//
// Nothing is removed before all new snapshots are saved.
func (s *Session) Rewrite(ctx context.Context, o RewriteOptions) (*RewriteResult, error) {
	patterns, err := o.compile(ctx)
	if err != nil {
		return nil, fmt.Errorf("rewrite: %w", err)
	}
	if !o.Summary && o.empty() && o.NewHost == "" && o.NewTime.IsZero() {
		return nil, errors.New("rewrite: nothing to change given")
	}
	r := rewriter{
		rep: s.reporter(o.OnEvent), res: &RewriteResult{DryRun: o.DryRun}, forget: o.Forget, alone: o.Forget, tag: "rewrite",
		host: o.NewHost, at: o.NewTime, keepEmpty: patterns.includes != nil,
	}
	defer r.rep.stop()
	if !o.empty() || o.Summary {
		r.patterns = &patterns
	}
	return r.run(ctx, s, o.Filter)
}

// rewriteFilter returns the engine's filters for nodes and for directories that have
// become empty.
func (c compiled) rewriteFilter() (engwalker.NodeRewriteFunc, engwalker.NodeKeepEmptyDirectoryFunc) {
	keep := func(node *engdata.Node, name string) bool {
		switch {
		case c.rejects != nil:
			return !c.rejects(name)
		case c.includes != nil:
			matched, below := c.includes(name)
			return matched || below && node.Type == engdata.NodeTypeDir
		}
		return true
	}
	node := func(node *engdata.Node, name string) *engdata.Node {
		if keep(node, name) {
			return node
		}
		return nil
	}
	if c.includes == nil {
		return node, nil
	}
	return node, func(name string) bool { matched, _ := c.includes(name); return matched }
}
