package main

import (
	"errors"

	"github.com/cesnet/rwm/restic"
)

type resticLsCmd struct {
	reads
	Snapshot string   `arg:"" help:"Snapshot ID or latest, with :FOLDER to list only that folder of it."`
	Dirs     []string `arg:"" optional:"" name:"dir" help:"Absolute paths to list, instead of everything."`
	snapshotFlags
	Long          bool   `short:"l" help:"Show mode, owner, size and time."`
	Recursive     bool   `help:"List what is in the subfolders of DIR too."`
	HumanReadable bool   `help:"Print sizes with units."`
	Ncdu          bool   `help:"Print what ncdu -f - reads."`
	Sort          string `short:"s" default:"name" enum:"name,size,time,mtime,atime,ctime,extension" help:"Sort by name, size, time=mtime, atime, ctime or extension."`
	Reverse       bool   `help:"Reverse the order."`
}

func (c resticLsCmd) Run(a *app) error {
	switch {
	case c.Ncdu && a.cli.JSON:
		return usageError{errors.New("--ncdu and --json cannot be used together")}
	case c.Ncdu && (c.Sort != "name" || c.Reverse):
		return usageError{errors.New("--ncdu cannot be sorted")}
	}
	order, err := restic.ParseSortBy(c.Sort)
	if err != nil {
		return usageError{err}
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	opts := restic.LsOptions{Snapshot: c.Snapshot, Filter: c.filter(), Dirs: c.Dirs, Recursive: c.Recursive, Sort: order, Reverse: c.Reverse}
	switch {
	case a.cli.JSON:
		return s.Ls(a.ctx, opts, lsJSON(a.stdout))
	case c.Ncdu:
		return lsNcdu(a.ctx, s, opts, a.stdout)
	}
	return s.Ls(a.ctx, opts, c.lines(a))
}

func (c resticLsCmd) lines(a *app) restic.LsVisitor {
	return restic.LsVisitor{
		Snapshot: func(sn restic.Snapshot) error {
			a.say("snapshot %s of %v at %s by %s@%s filtered by %v:", sn.ID.Short(), oneLines(sn.Paths), sn.Time,
				oneLine(sn.Username), oneLine(sn.Hostname), c.Dirs)
			return a.ctx.Err()
		},
		Node: func(n restic.Node) error {
			a.println(formatNode(n, c.Long, c.HumanReadable))
			return a.ctx.Err()
		},
	}
}
