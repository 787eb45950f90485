package restic

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	engcache "github.com/restic/restic/rwmlink/cache"
)

// DefaultCacheAge is how long a cache may be unused before `restic cache --cleanup`
// removes it.
const DefaultCacheAge = 30 * 24 * time.Hour

// CacheDir is the cache of one repository.
type CacheDir struct {
	// Name is the ID of the repository, or the name of a check's temporary cache that
	// was left behind.
	Name     string
	Path     string
	LastUsed time.Time
	Bytes    uint64 // only with sizes
}

// DefaultCacheDir returns the directory that holds the caches of all repositories when
// WithCacheDir is not used.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "rwm", "restic"), nil
}

// ListCaches lists the caches below dir, the one unused for the longest time first.
// With sizes it reads the size of every file. A directory that does not exist has no
// caches.
func ListCaches(dir string, sizes bool) ([]CacheDir, error) {
	infos, err := engcache.All(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the caches in %s: %w", dir, err)
	}
	var list []CacheDir
	for _, info := range infos {
		c := CacheDir{Name: info.Name(), Path: filepath.Join(dir, info.Name()), LastUsed: info.ModTime()}
		if sizes {
			if c.Bytes, err = sizeOf(c.Path); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b CacheDir) int { return a.LastUsed.Compare(b.LastUsed) })
	return list, nil
}

// CleanupCaches removes the caches below dir that have not been used for maxAge. It
// returns those it removed; the error names those it could not remove.
func CleanupCaches(dir string, maxAge time.Duration) (removed []CacheDir, err error) {
	list, err := ListCaches(dir, false)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, c := range list {
		if !engcache.IsOld(c.LastUsed, maxAge) {
			continue
		}
		if err := os.RemoveAll(c.Path); err != nil {
			errs = append(errs, fmt.Errorf("removing the cache %s: %w", c.Path, err))
			continue
		}
		removed = append(removed, c)
	}
	return removed, errors.Join(errs...)
}

// sizeOf adds up the sizes of the files below a directory that may change meanwhile.
func sizeOf(dir string) (total uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += uint64(info.Size())
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return total, err
}
