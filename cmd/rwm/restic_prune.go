package main

import (
	"errors"
	"fmt"

	"github.com/cesnet/rwm/restic"
)

type resticPruneCmd struct {
	removes
	pruneFlags
	UnsafeRecoverNoFreeSpace string `help:"UNSAFE: make a repository usable again whose storage is full. Try --max-repack-size 0 first." placeholder:"ID"`
}

func (c resticPruneCmd) Run(a *app) error {
	opts, err := c.options()
	if err != nil {
		return usageError{err}
	}
	opts.DryRun = c.DryRun
	opts.RecoverNoFreeSpace = c.UnsafeRecoverNoFreeSpace
	opts.OnEvent = a.onPruneEvent
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	result, err := s.Prune(a.ctx, opts)
	if err == nil && a.cli.JSON {
		err = a.emit(result)
	}
	return err
}

// pruneFlags are the flags that forget has too.
type pruneFlags struct {
	MaxUnused           string `default:"5%" help:"Tolerate this LIMIT of unused data: a size, a percentage or unlimited." placeholder:"LIMIT"`
	MaxRepackSize       string `help:"Stop after repacking this much data." placeholder:"SIZE"`
	RepackCacheableOnly bool   `help:"Only repack packs that are in the cache."`
	RepackSmall         bool   `hidden:"" help:"Small packs are always repacked."`
	RepackUncompressed  bool   `help:"Repack all uncompressed data."`
	RepackSmallerThan   string `help:"Repack packs smaller than SIZE." placeholder:"SIZE"`
}

func (f pruneFlags) options() (opts restic.PruneOptions, err error) {
	if opts.MaxUnused, err = restic.ParseUnusedLimit(f.MaxUnused); err != nil {
		return opts, fmt.Errorf("--max-unused: %w", err)
	}
	if f.MaxRepackSize != "" {
		size, err := restic.ParseSize(f.MaxRepackSize)
		if err != nil {
			return opts, fmt.Errorf("--max-repack-size: %w", err)
		}
		opts.MaxRepack = restic.AtMost(size)
	}
	if f.RepackSmallerThan != "" {
		if opts.RepackSmallerThan, err = restic.ParseSize(f.RepackSmallerThan); err != nil {
			return opts, fmt.Errorf("--repack-smaller-than: %w", err)
		}
		if opts.RepackSmallerThan == 0 {
			return opts, errors.New("--repack-smaller-than: no pack is smaller than 0")
		}
	}
	opts.RepackCacheableOnly = f.RepackCacheableOnly
	opts.RepackUncompressed = f.RepackUncompressed
	return opts, nil
}

func (a *app) onPruneEvent(ev restic.Event) {
	planned, ok := ev.(restic.PrunePlanned)
	switch {
	case !ok:
		a.onForgetEvent(ev)
	case !a.cli.JSON:
		a.showPlan(&planned.Plan)
	}
}

// showPlan says what a prune is going to do, as restic does.
func (a *app) showPlan(r *restic.PruneResult) {
	if r.DryRun {
		a.say("\nWould have made the following changes:")
	}
	b, n := r.Blobs, r.Bytes
	unused := n.Duplicate + n.Unused
	line := func(say func(string, ...any), name string, blobs uint, bytes uint64) {
		say("%-13s %10d blobs / %s", name+":", blobs, formatBytes(bytes))
	}
	total := b.Used + b.Unused + b.Duplicate
	a.detail("")
	line(a.detail, "used", b.Used, n.Used)
	if b.Duplicate > 0 {
		line(a.detail, "duplicates", b.Duplicate, n.Duplicate)
	}
	line(a.detail, "unused", b.Unused, n.Unused)
	if n.Unref > 0 {
		a.detail("unreferenced: %27s", formatBytes(n.Unref))
	}
	line(a.detail, "total", total, r.TotalBytes())
	a.detail("unused size: %s of total size", formatPercent(unused, r.TotalBytes()))
	left := r.TotalBytes() - r.FreedBytes()
	a.say("")
	line(a.say, "to repack", b.Repack, n.Repack)
	line(a.say, "this removes", b.Repackrm, n.Repackrm)
	line(a.say, "to delete", b.Remove, n.Remove+n.Unref)
	line(a.say, "total prune", b.Remove+b.Repackrm, r.FreedBytes())
	if n.Uncompressed > 0 {
		a.say("not yet compressed:              %s", formatBytes(n.Uncompressed))
	}
	line(a.say, "remaining", total-b.Remove-b.Repackrm, left)
	a.say("unused size after prune: %s (%s of remaining size)", formatBytes(r.UnusedBytesAfter()), formatPercent(r.UnusedBytesAfter(), left))
	a.say("")
	a.detail("totally used packs: %10d", r.Packs.Used)
	a.detail("partly used packs:  %10d", r.Packs.PartlyUsed)
	a.detail("unused packs:       %10d\n", r.Packs.Unused)
	a.detail("to keep:      %10d packs", r.Packs.Keep)
	a.detail("to repack:    %10d packs", r.Packs.Repack)
	a.detail("to delete:    %10d packs", r.Packs.Remove)
	if r.Packs.Unref > 0 {
		a.detail("to delete:    %10d unreferenced packs", r.Packs.Unref)
	}
}
