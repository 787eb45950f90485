package restic

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engfilter "github.com/restic/restic/rwmlink/filter"
	engfs "github.com/restic/restic/rwmlink/fs"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/readfile"
)

// cacheDirTag is the header of a CACHEDIR.TAG file, see https://bford.info/cachedir/.
const cacheDirTag = "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"

// warnFunc receives the engine's warnings.
type warnFunc = func(format string, args ...interface{})

// byName selects by path alone, before the item is examined.
func (b *BackupOptions) byName(ctx context.Context, cacheDir string, warn warnFunc) (engarchiver.SelectByNameFunc, error) {
	var rejects []engarchiver.RejectByNameFunc
	if cacheDir != "" {
		// the cache would change during the backup, and is worthless in it
		rejects = append(rejects, within(cacheDir))
	}
	patterns := engfilter.ExcludePatternOptions{Excludes: b.Excludes, InsensitiveExcludes: b.IExcludes, ExcludeFiles: b.ExcludeFiles, InsensitiveExcludeFiles: b.IExcludeFiles}
	fromPatterns, err := readfile.Until(ctx, func() ([]engfilter.RejectByNameFunc, error) { return patterns.CollectPatterns(warn) })
	if err != nil {
		return nil, fmt.Errorf("backup: exclude patterns: %w", err)
	}
	for _, reject := range fromPatterns {
		rejects = append(rejects, engarchiver.RejectByNameFunc(reject))
	}
	return engarchiver.CombineRejectByNames(rejects), nil
}

// within reports whether a clean absolute path is that of a directory or below it.
func within(dir string) func(path string) bool {
	dir = filepath.Clean(dir)
	below := dir
	if !strings.HasSuffix(dir, string(filepath.Separator)) {
		below += string(filepath.Separator)
	}
	return func(path string) bool { return path == dir || strings.HasPrefix(path, below) }
}

// guardSelect makes Select fit for the engine's goroutines: its panic ends the backup,
// and reaches the caller of Backup.
func (r *backupRun) guardSelect(end func()) {
	choose := r.Select
	if choose == nil {
		return
	}
	r.Select = func(path string, info fs.FileInfo) (wanted bool) {
		if p := events.Catch(func() { wanted = choose(path, info) }); p != nil {
			r.em.Keep(p)
			end()
		}
		return wanted
	}
}

// byInfo selects by an item's metadata; it is nil if that does not matter.
func (b *BackupOptions) byInfo(targets []string, source engfs.FS, warn warnFunc) (engarchiver.SelectFunc, error) {
	var rejects []engarchiver.RejectFunc
	add := func(reject engarchiver.RejectFunc, err error) error {
		rejects = append(rejects, reject)
		return err
	}
	var err error
	if b.local() {
		if b.OneFileSystem && err == nil {
			err = add(engarchiver.RejectByDevice(targets, source))
		}
		if b.ExcludeLargerThan > 0 && err == nil {
			err = add(engarchiver.RejectBySize(b.ExcludeLargerThan))
		}
		if b.ExcludeCloudFiles && err == nil {
			err = add(engarchiver.RejectCloudFiles(warn))
		}
	}
	present := b.ExcludeIfPresent
	if b.ExcludeCaches {
		present = append(present[:len(present):len(present)], cacheDirTag)
	}
	for _, spec := range present {
		if err == nil {
			err = add(rejectIfPresent(spec, warn))
		}
	}
	if b.Select != nil {
		rejects = append(rejects, func(path string, fi *engfs.ExtendedFileInfo, _ engfs.FS) bool {
			return !b.Select(path, fileInfo{fi})
		})
	}
	if err != nil {
		return nil, fmt.Errorf("backup: excludes: %w", err)
	}
	if len(rejects) == 0 {
		return nil, nil
	}
	return engarchiver.CombineRejects(rejects), nil
}
