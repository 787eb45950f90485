package main

import (
	"fmt"

	"github.com/cesnet/rwm/restic"
)

type resticPruneCmd struct {
	pruneFlags
	DryRun                   bool   `short:"n" help:"Change nothing, just print what would be done."`
	UnsafeRecoverNoFreeSpace string `help:"UNSAFE: get a repository going again whose storage is full. Try --max-repack-size 0 first." placeholder:"ID"`
}

func (c resticPruneCmd) Run(a *app) error {
	opts, err := c.options()
	if err != nil {
		return usageError{err}
	}
	opts.DryRun = c.DryRun
	opts.RecoverNoFreeSpace = c.UnsafeRecoverNoFreeSpace
	opts.OnEvent = a.onEvent
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	result, err := s.Prune(a.ctx, opts)
	if err != nil {
		return err
	}
	a.showPrune(result)
	return nil
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
	}
	opts.RepackCacheableOnly = f.RepackCacheableOnly
	opts.RepackUncompressed = f.RepackUncompressed
	return opts, nil
}

func (a *app) showPrune(r *restic.PruneResult) {
	if a.cli.JSON {
		_ = a.emit(r)
		return
	}
	if r.DryRun {
		a.say("\nWould have made the following changes:")
	}
	b, n := r.Blobs, r.Bytes
	line := func(name string, blobs uint, bytes uint64) {
		a.say("%-13s %10d blobs / %s", name+":", blobs, formatBytes(bytes))
	}
	total := b.Used + b.Unused + b.Duplicate
	if a.cli.Verbose > 0 {
		line("used", b.Used, n.Used)
		line("duplicates", b.Duplicate, n.Duplicate)
		line("unused", b.Unused, n.Unused)
		a.say("unreferenced: %27s", formatBytes(n.Unref))
		line("total", total, r.TotalBytes())
		a.say("packs: %d used, %d partly used, %d unused, %d to keep, %d to repack, %d to delete, %d unreferenced",
			r.Packs.Used, r.Packs.PartlyUsed, r.Packs.Unused, r.Packs.Keep, r.Packs.Repack, r.Packs.Remove, r.Packs.Unref)
	}
	left := r.TotalBytes() - r.FreedBytes()
	a.say("")
	line("to repack", b.Repack, n.Repack)
	line("this removes", b.Repackrm, n.Repackrm)
	line("to delete", b.Remove, n.Remove+n.Unref)
	line("total prune", b.Remove+b.Repackrm, r.FreedBytes())
	if n.Uncompressed > 0 {
		a.say("not yet compressed:              %s", formatBytes(n.Uncompressed))
	}
	line("remaining", total-b.Remove-b.Repackrm, left)
	a.say("unused size after prune: %s (%s of remaining size)", formatBytes(r.UnusedBytesAfter()), formatPercent(r.UnusedBytesAfter(), left))
}
