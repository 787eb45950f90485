package restic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// GroupBy is what the snapshots of a group have in common. The values can be combined
// with |.
type GroupBy uint8

// Values of GroupBy. GroupByDefault is restic's default: no groups in a listing, host
// and paths when forgetting. GroupByNone puts all snapshots into one group.
const (
	GroupByDefault GroupBy = 0
	GroupByHost    GroupBy = 1 << iota
	GroupByPaths
	GroupByTags
	GroupByNone
)

// ParseGroupBy reads a comma-separated list of host, paths and tags, as restic's
// --group-by takes it. The empty string means GroupByNone.
func ParseGroupBy(s string) (GroupBy, error) {
	var by GroupBy
	for _, part := range strings.Split(s, ",") {
		switch part {
		case "host", "hosts":
			by |= GroupByHost
		case "path", "paths":
			by |= GroupByPaths
		case "tag", "tags":
			by |= GroupByTags
		case "":
		default:
			return 0, fmt.Errorf("cannot group by %q: use host, paths or tags", part)
		}
	}
	if by == 0 {
		by = GroupByNone
	}
	return by, nil
}

// String returns the value as ParseGroupBy reads it.
func (by GroupBy) String() string {
	var parts []string
	if by&GroupByHost != 0 {
		parts = append(parts, "host")
	}
	if by&GroupByPaths != 0 {
		parts = append(parts, "paths")
	}
	if by&GroupByTags != 0 {
		parts = append(parts, "tags")
	}
	return strings.Join(parts, ",")
}

// SnapshotGroupKey is what the snapshots of a group have in common. What was not
// grouped by is empty.
type SnapshotGroupKey struct {
	Hostname string   `json:"hostname"`
	Paths    []string `json:"paths"`
	Tags     []string `json:"tags"`
}

// String describes the group.
func (k SnapshotGroupKey) String() string {
	var parts []string
	if k.Hostname != "" {
		parts = append(parts, "host "+k.Hostname)
	}
	if len(k.Paths) > 0 {
		parts = append(parts, fmt.Sprintf("paths %v", k.Paths))
	}
	if len(k.Tags) > 0 {
		parts = append(parts, fmt.Sprintf("tags %v", k.Tags))
	}
	return strings.Join(parts, ", ")
}

// SnapshotGroup is a group of snapshots, the oldest first.
type SnapshotGroup struct {
	Key       SnapshotGroupKey `json:"group_key"`
	Snapshots []Snapshot       `json:"snapshots"`
}

// SnapshotGroups returns the snapshots that f selects, in groups ordered by their keys.
// f.Latest limits every group. The errors are those of Snapshots, and groups are
// returned with them too.
func (s *Session) SnapshotGroups(ctx context.Context, f SnapshotFilter, by GroupBy) ([]SnapshotGroup, error) {
	var groups []SnapshotGroup
	var problem error
	err := s.run(ctx, access{lists: true, names: f.names()}, func(ctx context.Context, repo *engrepository.Repository) error {
		list, err := s.view.load(ctx, repo, f.names())
		if err != nil {
			return err
		}
		all := f
		all.Latest = 0 // of each group, below
		selected, err := list.selectAll(all, nil)
		problem = err
		for _, g := range groupSnapshots(selected, by) {
			keep := g.list
			if f.Latest > 0 && len(keep) > f.Latest {
				keep = keep[len(keep)-f.Latest:]
			}
			groups = append(groups, SnapshotGroup{Key: g.key, Snapshots: newSnapshots(keep)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return groups, problem
}

type snapshotGroup struct {
	key  SnapshotGroupKey
	list engdata.Snapshots
}

// groupSnapshots puts the snapshots, oldest first, into groups in the order of their
// keys.
func groupSnapshots(list engdata.Snapshots, by GroupBy) []snapshotGroup {
	index := make(map[string]int)
	var groups []snapshotGroup
	for _, sn := range list {
		key := groupKey(sn, by)
		name := fmt.Sprintf("%q", []any{key.Hostname, key.Paths, key.Tags})
		i, ok := index[name]
		if !ok {
			i = len(groups)
			index[name] = i
			groups = append(groups, snapshotGroup{key: key})
		}
		groups[i].list = append(groups[i].list, sn)
	}
	slices.SortStableFunc(groups, func(a, b snapshotGroup) int {
		return cmp.Or(strings.Compare(a.key.Hostname, b.key.Hostname),
			slices.Compare(a.key.Paths, b.key.Paths), slices.Compare(a.key.Tags, b.key.Tags))
	})
	return groups
}

func groupKey(sn *engdata.Snapshot, by GroupBy) SnapshotGroupKey {
	var key SnapshotGroupKey
	if by&GroupByHost != 0 {
		key.Hostname = sn.Hostname
	}
	if by&GroupByPaths != 0 {
		key.Paths = slices.Sorted(slices.Values(sn.Paths))
	}
	if by&GroupByTags != 0 {
		key.Tags = slices.Sorted(slices.Values(sn.Tags))
	}
	return key
}

// latestPerGroup keeps the newest n snapshots of each host and set of paths; 0 keeps
// all.
func latestPerGroup(list engdata.Snapshots, n int) engdata.Snapshots {
	if n <= 0 {
		return list
	}
	var kept engdata.Snapshots
	for _, g := range groupSnapshots(list, GroupByHost|GroupByPaths) {
		kept = append(kept, g.list[max(0, len(g.list)-n):]...)
	}
	sortSnapshots(kept)
	return kept
}
