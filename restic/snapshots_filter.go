package restic

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
)

// TagList is a set of tags a snapshot must have all of. The empty string stands for
// "has no tags".
type TagList []string

// ParseTagList splits tags at commas, as restic's --tag does.
func ParseTagList(s string) TagList {
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// SnapshotFilter selects snapshots. The zero value selects all of them.
type SnapshotFilter struct {
	// IDs names snapshots: full IDs, unambiguous prefixes, or "latest". When there are
	// any, only they are selected, and Hosts, Tags, Paths and Before serve only to find
	// "latest".
	IDs []string
	// Hosts selects snapshots of any of these hosts.
	Hosts []string
	// Tags selects snapshots that have all tags of at least one of the lists.
	Tags []TagList
	// Paths selects snapshots of all of these paths, and maybe others.
	Paths []string
	// Before selects snapshots no newer than this. Zero means no limit.
	Before time.Time
	// IgnoreMissing skips IDs that match no snapshot, as restic's command does: a
	// Warning event names each. Otherwise they are an error, and nothing is changed.
	IgnoreMissing bool
	// Latest limits the selection to the newest N snapshots of each host and set of
	// paths. 0 or a negative number means no limit.
	Latest int
}

// empty reports whether f narrows nothing by host, tag or path, as restic counts it.
func (f SnapshotFilter) empty() bool {
	return len(f.Hosts)+len(f.Tags)+len(f.Paths) == 0
}

func (f SnapshotFilter) match(sn *engdata.Snapshot) bool {
	if !f.Before.IsZero() && sn.Time.After(f.Before) {
		return false
	}
	return sn.HasHostname(f.Hosts) && f.matchTags(sn) && f.matchPaths(sn)
}

func (f SnapshotFilter) matchTags(sn *engdata.Snapshot) bool {
	if len(f.Tags) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Tags, func(tags TagList) bool { return sn.HasTags(tags) })
}

// matchPaths compares a path both as given and made absolute, so that snapshots of
// another system can be selected too.
func (f SnapshotFilter) matchPaths(sn *engdata.Snapshot) bool {
	for _, p := range f.Paths {
		if slices.Contains(sn.Paths, p) {
			continue
		}
		abs, err := filepath.Abs(p)
		if err != nil || !slices.Contains(sn.Paths, abs) {
			return false
		}
	}
	return true
}

// snapshotList is what the repository held when it was listed.
type snapshotList struct {
	all    engdata.Snapshots // oldest first
	broken []ItemError       // snapshots that could not be read
}

// SnapshotsError lists the snapshots that could not be read or found.
type SnapshotsError struct {
	Items []ItemError
}

func (e *SnapshotsError) Error() string {
	return fmt.Sprintf("%s left out: %s", plural.Of(len(e.Items), "snapshot"), joinItems(e.Items))
}

// Unwrap returns the errors of the single snapshots.
func (e *SnapshotsError) Unwrap() []error { return itemErrors(e.Items) }

// selectAll returns the snapshots f asks for. The error lists what could not be read or
// found; IDs to be ignored are only reported.
func (l snapshotList) selectAll(f SnapshotFilter, rep *reporter) (engdata.Snapshots, error) {
	var items []ItemError
	var found engdata.Snapshots
	if len(f.IDs) == 0 {
		items = slices.Clone(l.broken)
		for _, sn := range l.all {
			if f.match(sn) {
				found = append(found, sn)
			}
		}
	}
	seen := make(map[engrestic.ID]bool)
	for _, name := range f.IDs {
		sn, folder, err := l.find(name, f)
		if err == nil && folder != "" {
			err = fmt.Errorf("%w: %q names a folder, but whole snapshots are wanted here", ErrNoSnapshot, name)
		}
		if f.IgnoreMissing && errors.Is(err, ErrNoSnapshot) {
			rep.warn(fmt.Sprintf("Ignoring %q", name), err)
			continue
		}
		if err != nil {
			items = append(items, ItemError{Item: name, Err: err})
			continue
		}
		if !seen[*sn.ID()] {
			seen[*sn.ID()] = true
			found = append(found, sn)
		}
	}
	sortSnapshots(found)
	found = latestPerGroup(found, f.Latest)
	if len(items) > 0 {
		return found, &SnapshotsError{Items: items}
	}
	return found, nil
}

// roots returns the trees of the snapshots that f selects, in their order; none if
// selectAll has anything to say.
func (f SnapshotFilter) roots(l snapshotList) engrestic.IDs {
	f.IgnoreMissing = false
	list, err := l.selectAll(f, nil)
	if err != nil {
		return nil
	}
	return treeIDs(list)
}

// names returns the prefixes of IDs that a filter names snapshots by, so that no others
// need be read; nil means that all are needed.
func (f SnapshotFilter) names() (names []string) {
	for _, name := range f.IDs {
		prefix, _, _ := strings.Cut(name, ":")
		if prefix == "" || prefix == "latest" {
			return nil
		}
		names = append(names, prefix)
	}
	return names
}

// find returns the snapshot that name selects and the folder after the colon, if any.
func (l snapshotList) find(name string, f SnapshotFilter) (*engdata.Snapshot, string, error) {
	prefix, folder, _ := strings.Cut(name, ":")
	switch prefix {
	case "":
		return nil, "", fmt.Errorf("%w: no snapshot ID given in %q", ErrNoSnapshot, name)
	case "latest":
		sn, err := l.latest(f)
		return sn, folder, err
	}
	var match *engdata.Snapshot
	for _, sn := range l.all {
		if !strings.HasPrefix(sn.ID().String(), prefix) {
			continue
		}
		if match != nil {
			return nil, "", fmt.Errorf("%w: more than one snapshot ID begins with %q, give more of it", ErrNoSnapshot, prefix)
		}
		match = sn
	}
	if match != nil {
		return match, folder, nil
	}
	for _, b := range l.broken {
		if strings.HasPrefix(b.Item, prefix) {
			return nil, "", fmt.Errorf("snapshot %s cannot be read: %w", b.Item, b.Err)
		}
	}
	return nil, "", fmt.Errorf("%w: no snapshot ID begins with %q", ErrNoSnapshot, prefix)
}

// latest returns the newest snapshot f matches. It refuses to guess while a snapshot
// that might be newer cannot be read.
func (l snapshotList) latest(f SnapshotFilter) (*engdata.Snapshot, error) {
	if len(l.broken) > 0 {
		return nil, fmt.Errorf("cannot tell which snapshot is the latest, give its ID: %w", &SnapshotsError{Items: l.broken})
	}
	for _, sn := range slices.Backward(l.all) {
		if f.match(sn) {
			return sn, nil
		}
	}
	if f.empty() && f.Before.IsZero() {
		return nil, fmt.Errorf("%w: the repository has no snapshots", ErrNoSnapshot)
	}
	return nil, fmt.Errorf("%w: none matches hosts %v, tags %v, paths %v", ErrNoSnapshot, f.Hosts, f.Tags, f.Paths)
}

// sortSnapshots puts the oldest first, by ID where the times are the same.
func sortSnapshots(list engdata.Snapshots) {
	slices.SortFunc(list, func(a, b *engdata.Snapshot) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID().String(), b.ID().String()))
	})
}
