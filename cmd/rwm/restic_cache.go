package main

import (
	"errors"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

type resticCacheCmd struct {
	elsewhere
	Cleanup bool `help:"Remove old cache directories."`
	MaxAge  uint `default:"30" help:"Number of DAYS after which an unused cache is old." placeholder:"DAYS"`
	NoSize  bool `help:"Do not add up the sizes."`
}

func (c resticCacheCmd) Run(a *app) error {
	access := a.cli.Restic.Access
	if access.NoCache {
		return usageError{errors.New("--no-cache leaves nothing to do")}
	}
	dir, err := cacheDir(access)
	if err != nil {
		return err
	}
	age := time.Duration(c.MaxAge) * 24 * time.Hour
	if c.Cleanup || access.CleanupCache {
		return a.cleanupCaches(dir, age)
	}
	list, err := restic.ListCaches(dir, !c.NoSize)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(newJSONCaches(list))
	}
	if len(list) == 0 {
		a.println("no cache dirs found, basedir is", dir)
		return nil
	}
	g := &grid{header: []string{"Repo ID", "Last Used", "Old"}, ruled: true}
	if !c.NoSize {
		g.header = append(g.header, "Size")
		g.right = []int{3}
	}
	for _, cache := range list {
		name := cache.Name
		if len(name) > 10 && !strings.HasPrefix(name, "restic-check-cache-") {
			name = name[:10]
		}
		idle := time.Since(cache.LastUsed)
		cells := []any{name, count(int(idle.Hours()/24), "day") + " ago", yesNo(idle > age, "yes", "")}
		if !c.NoSize {
			cells = append(cells, formatBytes(cache.Bytes))
		}
		g.add(cells...)
	}
	a.show(g)
	a.printf("%d cache dirs in %s\n", len(list), dir)
	return nil
}

func cacheDir(access resticflags.Access) (string, error) {
	if access.CacheDir != "" {
		return access.CacheDir, nil
	}
	return restic.DefaultCacheDir()
}

// cleanupOldCaches is what --cleanup-cache does before any command.
func (a *app) cleanupOldCaches() error {
	access := a.cli.Restic.Access
	if !access.CleanupCache || access.NoCache {
		return nil
	}
	dir, err := cacheDir(access)
	if err != nil {
		return err
	}
	removed, err := restic.CleanupCaches(dir, restic.DefaultCacheAge)
	if len(removed) > 0 {
		a.detail("removed %d old cache directories from %s", len(removed), dir)
	}
	return err
}

func (a *app) cleanupCaches(dir string, age time.Duration) error {
	removed, err := restic.CleanupCaches(dir, age)
	if a.cli.JSON {
		return errors.Join(err, a.emit(newJSONCaches(removed)))
	}
	if len(removed) == 0 {
		a.say("no old cache dirs found")
	} else {
		a.say("removed %d old cache directories from %s", len(removed), dir)
	}
	return err
}

type jsonCache struct {
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	LastUsed time.Time `json:"last_used"`
	Bytes    uint64    `json:"bytes,omitempty"`
}

func newJSONCaches(list []restic.CacheDir) []jsonCache {
	out := []jsonCache{}
	for _, c := range list {
		out = append(out, jsonCache(c))
	}
	return out
}
