package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
)

type resticFindCmd struct {
	reads
	Patterns []string `arg:"" name:"pattern" help:"Patterns of paths, or IDs with --blob, --tree or --pack."`
	Oldest   string   `short:"O" help:"Oldest modification time, as '2012-11-01 22:08'." placeholder:"TIME"`
	Newest   string   `short:"N" help:"Newest modification time." placeholder:"TIME"`
	Snapshot []string `short:"s" sep:"none" help:"Search this snapshot only (repeatable)." placeholder:"ID"`

	Blob       bool `help:"The patterns are IDs of blobs."`
	Tree       bool `help:"The patterns are IDs of trees."`
	Pack       bool `help:"The patterns are IDs of packs."`
	ShowPackID bool `name:"show-pack-id" help:"Show the packs of blobs and trees."`

	IgnoreCase    bool `short:"i" help:"Ignore case."`
	Reverse       bool `short:"R" help:"Search the oldest snapshot first."`
	Long          bool `short:"l" help:"Show mode, owner, size and time."`
	HumanReadable bool `help:"Print sizes with units."`
	snapshotFlags
}

func (resticFindCmd) Help() string {
	return `Examples:

  rwm restic find config.json
  rwm restic find --json '*.yml' '*.json'
  rwm restic find --show-pack-id --blob 420f620f
  rwm restic find --pack 025c1d06`
}

func (c resticFindCmd) Run(a *app) error {
	opts, err := c.options()
	if err != nil {
		return usageError{err}
	}
	opts.OnEvent = a.onEvent
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	out := c.output(a)
	var blobs []restic.BlobHandle
	err = s.Find(a.ctx, opts, func(f restic.Found) error {
		if f.Node == nil {
			blobs = append(blobs, f.Blob)
		}
		out.found(f)
		return a.ctx.Err()
	})
	out.end(err != nil)
	if err == nil && c.ShowPackID && !a.cli.JSON { // restic's JSON of finds has no place for it
		err = a.showPacks(s, append(blobs, c.named()...))
	}
	return err
}

// named are the objects asked for, whether a snapshot uses them or not.
func (c resticFindCmd) named() (blobs []restic.BlobHandle) {
	for _, text := range c.Patterns {
		id, err := restic.ParseID(text)
		switch {
		case err != nil || c.Pack:
		case c.Blob:
			blobs = append(blobs, restic.BlobHandle{Type: restic.BlobData, ID: id})
		case c.Tree:
			blobs = append(blobs, restic.BlobHandle{Type: restic.BlobTree, ID: id})
		}
	}
	return blobs
}

func (c resticFindCmd) options() (opts restic.FindOptions, err error) {
	opts = restic.FindOptions{Filter: c.many(c.Snapshot), IgnoreCase: c.IgnoreCase, OldestFirst: c.Reverse}
	kinds := 0
	opts.Patterns = c.Patterns
	for _, kind := range []struct {
		set  bool
		list *[]string
	}{{c.Blob, &opts.Blobs}, {c.Tree, &opts.Trees}, {c.Pack, &opts.Packs}} {
		if kind.set {
			kinds++
			*kind.list, opts.Patterns = c.Patterns, nil
		}
	}
	if kinds > 1 {
		return opts, errors.New("only one of --blob, --tree and --pack can be used")
	}
	if opts.Oldest, err = findTime("--oldest", c.Oldest); err != nil {
		return opts, err
	}
	opts.Newest, err = findTime("--newest", c.Newest)
	return opts, err
}

var findTimeFormats = []string{
	time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
	"02.01.2006", "02.01.2006 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04:05 -0700", "02.01.2006 15:04:05 MST",
	"Mon Jan 2 15:04:05 -0700 MST 2006",
}

func findTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, format := range findTimeFormats {
		if t, err := time.ParseInLocation(format, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is not a time like '2012-11-01 22:08:41'", flag, text)
}

func (a *app) showPacks(s *restic.Session, blobs []restic.BlobHandle) error {
	r, err := s.Reader(a.ctx)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // for reading
	seen := make(map[restic.BlobHandle]bool)
	for _, h := range blobs {
		if seen[h] {
			continue
		}
		seen[h] = true
		places := r.Locations(h)
		if len(places) == 0 {
			a.printf("Object %s with type %v not found in the index\n", h.ID.Short(), h.Type)
		}
		for _, place := range places {
			a.showPlace(h, place)
		}
	}
	return nil
}
