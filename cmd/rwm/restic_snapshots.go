package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

type resticSnapshotsCmd struct {
	reads
	IDs []string `arg:"" optional:"" name:"snapshot" help:"Snapshot IDs or \"latest\"."`
	snapshotFlags
	Compact bool    `short:"c" help:"Use compact output format."`
	Last    bool    `hidden:"" help:"Old name of --latest 1."`
	Latest  int     `help:"Only show the last N snapshots for each host and path." placeholder:"N"`
	GroupBy *string `short:"g" help:"Group snapshots by host, paths and/or tags, separated by comma." placeholder:"GROUP"`
}

func (c resticSnapshotsCmd) Run(a *app) error {
	by, err := groupBy(c.GroupBy, restic.GroupByNone)
	if err != nil {
		return err
	}
	filter := c.filter(c.IDs...)
	filter.Latest = c.Latest
	if c.Last && c.Latest == 0 {
		filter.Latest = 1
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	if by == restic.GroupByNone {
		list, err := s.Snapshots(a.ctx, filter)
		if err := a.ignoring(err); err != nil {
			return err
		}
		if a.cli.JSON {
			return a.emit(orEmpty(list))
		}
		a.showSnapshots(list, nil, c.Compact)
		return nil
	}
	groups, err := s.SnapshotGroups(a.ctx, filter, by)
	if err := a.ignoring(err); err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(orEmpty(groups))
	}
	for _, g := range groups {
		a.showGroup(g.Key)
		a.showSnapshots(g.Snapshots, nil, c.Compact)
	}
	return nil
}

// orEmpty makes JSON of no results [] instead of null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *app) showGroup(key restic.SnapshotGroupKey) {
	var parts []string
	if key.Hostname != "" {
		parts = append(parts, "host ["+oneLine(key.Hostname)+"]")
	}
	if key.Tags != nil {
		parts = append(parts, "tags ["+strings.Join(oneLines(key.Tags), ", ")+"]")
	}
	if key.Paths != nil {
		parts = append(parts, "paths ["+strings.Join(oneLines(key.Paths), ", ")+"]")
	}
	if parts != nil {
		a.printf("snapshots for (%s):\n", strings.Join(parts, ", "))
	}
}

// showSnapshots prints restic's table. reasons may be nil.
func (a *app) showSnapshots(list []restic.Snapshot, reasons map[restic.ID][]string, compact bool) {
	g := &grid{header: []string{"ID", "Time", "Host", "Tags"}, ruled: true}
	tagSeparator := ","
	if compact {
		tagSeparator = "\n"
	} else {
		if reasons != nil {
			g.header = append(g.header, "Reasons")
		}
		g.header = append(g.header, "Paths")
	}
	sized := false
	for _, sn := range list {
		sized = sized || sn.Summary != nil
		g.spread = g.spread || !compact && len(sn.Paths) > 1
	}
	if sized {
		g.header = append(g.header, "Size")
		g.right = []int{len(g.header) - 1}
	}
	for _, sn := range list {
		cells := []any{sn.ID.Short(), formatTime(sn.Time), oneLine(sn.Hostname),
			strings.Join(oneLines(sn.Tags), tagSeparator)}
		if !compact {
			if reasons != nil {
				cells = append(cells, strings.Join(reasons[sn.ID], "\n"))
			}
			cells = append(cells, strings.Join(oneLines(sn.Paths), "\n"))
		}
		if sized {
			size := ""
			if sn.Summary != nil {
				size = formatBytes(sn.Summary.TotalBytesProcessed)
			}
			cells = append(cells, size)
		}
		g.add(cells...)
	}
	a.show(g)
	zone := time.Now().Location().String()
	if zone == "Local" {
		zone = "local time"
	}
	a.println(fmt.Sprintf("Timestamps shown in %s", zone))
	a.println(fmt.Sprintf("%d snapshots", len(list)))
}
