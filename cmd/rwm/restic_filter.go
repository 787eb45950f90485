package main

import (
	"errors"

	"github.com/cesnet/rwm/restic"
)

// snapshotFlags select snapshots in most commands.
type snapshotFlags struct {
	Host []string `short:"H" sep:"none" env:"RESTIC_HOST" help:"Consider snapshots of this HOST only (repeatable; '' considers all)." placeholder:"HOST"`
	tagPathFlags
}

type tagPathFlags struct {
	Tag  []string `sep:"none" help:"Consider snapshots with all of these tags only, TAG[,TAG...] (repeatable; '' those without tags)." placeholder:"TAG"`
	Path []string `sep:"none" help:"Consider snapshots of this absolute PATH only (repeatable)." placeholder:"PATH"`
}

func (f snapshotFlags) filter(ids ...string) restic.SnapshotFilter {
	return f.tagPathFlags.filter(f.Host, ids)
}

// many is the filter of commands that work on many snapshots: as with restic, what is
// named and not there is ignored with a warning.
func (f snapshotFlags) many(ids []string) restic.SnapshotFilter {
	filter := f.filter(ids...)
	filter.IgnoreMissing = true
	return filter
}

func (f tagPathFlags) filter(hosts, ids []string) restic.SnapshotFilter {
	if len(hosts) == 1 && hosts[0] == "" {
		hosts = nil
	}
	filter := restic.SnapshotFilter{IDs: ids, Hosts: hosts, Paths: f.Path}
	for _, list := range f.Tag {
		filter.Tags = append(filter.Tags, restic.ParseTagList(list))
	}
	return filter
}

// groupBy reads --group-by; not given is not the same as empty.
func groupBy(flag *string, otherwise restic.GroupBy) (restic.GroupBy, error) {
	if flag == nil {
		return otherwise, nil
	}
	by, err := restic.ParseGroupBy(*flag)
	if err != nil {
		return 0, usageError{err}
	}
	return by, nil
}

// ignoring warns of snapshots that could not be found or read, as restic does,
// and goes on with the others.
func (a *app) ignoring(err error) error {
	var left *restic.SnapshotsError
	if !errors.As(err, &left) {
		return err
	}
	for _, item := range left.Items {
		a.warn("Ignoring %q: %v", item.Item, item.Err)
	}
	return nil
}
