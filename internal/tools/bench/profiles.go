package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const networkDelay = 20 * time.Millisecond

// profiles is the nightly run of a small host: ten backups of little that has
// changed. rwm also saves the bucket's state, restic has nothing like it.
var profiles = workload{
	name: "ten small profiles, 20 ms", goal: "≥ 4× faster", other: "ten runs of restic backup",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		var dirs []string
		var backups strings.Builder
		for i := range 10 {
			dir := filepath.Join(w.dir, "profiles", fmt.Sprint(i))
			for n := range 20 {
				if err := writeRandom(filepath.Join(dir, fmt.Sprintf("file%d", n)), 10<<10); err != nil {
					return nil, err
				}
			}
			dirs = append(dirs, dir)
			fmt.Fprintf(&backups, "  p%d:\n    filesdirs: [%q]\n", i, dir)
		}
		mine, err := w.newRepository(ctx, "profiles-rwm", "backups:\n"+backups.String())
		if err != nil {
			return nil, err
		}
		theirs, err := w.newRepository(ctx, "profiles-restic", "")
		if err != nil {
			return nil, err
		}
		change := func() error {
			for _, dir := range dirs {
				if err := writeRandom(filepath.Join(dir, "changed"), 10<<10); err != nil {
					return err
				}
			}
			return nil
		}
		if err := w.latency(networkDelay); err != nil {
			return nil, err
		}
		defer w.latency(0)
		return alternate(rounds, func(int) (time.Duration, error) {
			if err := change(); err != nil {
				return 0, err
			}
			return timed(func() error { return w.runRwm(ctx, mine, "backup-all") })
		}, func(int) (time.Duration, error) {
			if err := change(); err != nil {
				return 0, err
			}
			return timed(func() error {
				for _, dir := range dirs {
					if err := w.runRestic(ctx, theirs, "backup", dir); err != nil {
						return err
					}
				}
				return nil
			})
		})
	},
}

// freshData is the first backup of a host: a gigabyte nobody has seen.
var freshData = workload{
	name: "1 GiB of fresh data, 0 ms", goal: "≥ 1× (no slower)", other: "restic backup",
	run: func(ctx context.Context, w *world, rounds int) (*pairs, error) {
		dir := filepath.Join(w.dir, "fresh")
		for i := range 64 {
			if err := writeRandom(filepath.Join(dir, fmt.Sprintf("file%d", i)), 16<<20); err != nil {
				return nil, err
			}
		}
		defer os.RemoveAll(dir)
		return alternate(rounds, func(i int) (time.Duration, error) {
			r, err := w.newRepository(ctx, fmt.Sprintf("fresh-rwm-%d", i), "")
			if err != nil {
				return 0, err
			}
			defer w.dropBucket(ctx, r)
			return timed(func() error { return w.runRwm(ctx, r, "restic", "backup", dir) })
		}, func(i int) (time.Duration, error) {
			r, err := w.newRepository(ctx, fmt.Sprintf("fresh-restic-%d", i), "")
			if err != nil {
				return 0, err
			}
			defer w.dropBucket(ctx, r)
			return timed(func() error { return w.runRestic(ctx, r, "backup", dir) })
		})
	},
}
