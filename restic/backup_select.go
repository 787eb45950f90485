package restic

import (
	"fmt"

	"github.com/restic/restic/rwmlink/archiver"
	"github.com/restic/restic/rwmlink/filter"
	"github.com/restic/restic/rwmlink/fs"
)

// cacheDirTag is the header of a CACHEDIR.TAG file, see https://bford.info/cachedir/.
const cacheDirTag = "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"

// warnFunc takes the engine's remarks.
type warnFunc = func(format string, args ...interface{})

// byName selects on the path alone, before an item is even looked at.
func (b *BackupOptions) byName(cacheDir string, warn warnFunc) (archiver.SelectByNameFunc, error) {
	var rejects []archiver.RejectByNameFunc
	if cacheDir != "" {
		// the cache would change while it is backed up, and is worth nothing in a backup
		rejects = append(rejects, func(item string) bool { return fs.HasPathPrefix(cacheDir, item) })
	}
	patterns := filter.ExcludePatternOptions{Excludes: b.Excludes, InsensitiveExcludes: b.IExcludes, ExcludeFiles: b.ExcludeFiles, InsensitiveExcludeFiles: b.IExcludeFiles}
	fromPatterns, err := patterns.CollectPatterns(warn)
	if err != nil {
		return nil, fmt.Errorf("backup: exclude patterns: %w", err)
	}
	for _, reject := range fromPatterns {
		rejects = append(rejects, archiver.RejectByNameFunc(reject))
	}
	return archiver.CombineRejectByNames(rejects), nil
}

// byInfo selects on what the file system says about an item.
func (b *BackupOptions) byInfo(targets []string, source fs.FS, warn warnFunc) (archiver.SelectFunc, error) {
	var rejects []archiver.RejectFunc
	add := func(reject archiver.RejectFunc, err error) error {
		rejects = append(rejects, reject)
		return err
	}
	var err error
	if b.local() {
		if b.OneFileSystem && err == nil {
			err = add(archiver.RejectByDevice(targets, source))
		}
		if b.ExcludeLargerThan > 0 && err == nil {
			err = add(archiver.RejectBySize(b.ExcludeLargerThan))
		}
		if b.ExcludeCloudFiles && err == nil {
			err = add(archiver.RejectCloudFiles(warn))
		}
	}
	present := b.ExcludeIfPresent
	if b.ExcludeCaches {
		present = append(present[:len(present):len(present)], cacheDirTag)
	}
	for _, spec := range present {
		if err == nil {
			err = add(archiver.RejectIfPresent(spec, warn))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("backup: excludes: %w", err)
	}
	return archiver.CombineRejects(rejects), nil
}
