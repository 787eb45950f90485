package resticflags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/readfile"
	"github.com/cesnet/rwm/restic"
)

// timeFormats are those restic takes for --time.
var timeFormats = []string{
	time.DateTime, time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05.999999999 -0700 MST",
	time.RFC3339,
}

// Check says what is wrong with the values, without looking at a file.
func (b *Backup) Check() error {
	o, err := b.values()
	if err != nil {
		return err
	}
	return o.Check()
}

// Options are the options of a backup of paths and of what the --files-from…
// flags name, whose files it reads; stdin stands for the file "-". A word about
// each pattern without a match goes to warn. With --stdin the data is read from
// stdin, with --stdin-from-command paths are the command.
func (b *Backup) Options(ctx context.Context, paths []string, stdin io.Reader, warn func(text string)) (restic.BackupOptions, error) {
	o, err := b.values()
	if err != nil {
		return o, err
	}
	switch {
	case b.StdinFromCommand:
		o.Command = paths
		if len(paths) == 0 {
			return o, errors.New("--stdin-from-command needs a command as its arguments")
		}
	case b.Stdin:
		if stdin != nil {
			o.Reader = readfile.Reader(ctx, stdin)
		}
		if len(paths) > 0 {
			return o, errors.New("--stdin and paths cannot be used together")
		}
	default:
		listed, err := b.listedPaths(ctx, stdin, warn)
		if err != nil {
			return o, err
		}
		o.Paths = append(listed, paths...)
	}
	return o, nil
}

// values is everything but what to back up.
func (b *Backup) values() (restic.BackupOptions, error) {
	o := restic.BackupOptions{
		Excludes: b.Exclude, IExcludes: b.Iexclude, ExcludeFiles: b.ExcludeFile, IExcludeFiles: b.IexcludeFile,
		ExcludeCaches: b.ExcludeCaches, ExcludeIfPresent: b.ExcludeIfPresent, ExcludeCloudFiles: b.ExcludeCloudFiles,
		OneFileSystem: b.OneFileSystem,
		ReaderName:    b.StdinFilename,
		Host:          b.Host, Parent: b.Parent, Force: b.Force,
		IgnoreInode: b.IgnoreInode, IgnoreCtime: b.IgnoreCtime, WithAtime: b.WithAtime,
		DryRun: b.DryRun, SkipIfUnchanged: b.SkipIfUnchanged, NoScan: b.NoScan, ReadConcurrency: b.ReadConcurrency,
	}
	if o.Force {
		o.Parent = "" // restic's --force overrides --parent
	}
	if o.Host == "" {
		o.Host = b.Hostname
	}
	for _, list := range b.Tag {
		for _, tag := range restic.ParseTagList(list) {
			if tag != "" && !slices.Contains(o.Tags, tag) {
				o.Tags = append(o.Tags, tag)
			}
		}
	}
	if (b.Stdin || b.StdinFromCommand) && len(b.FilesFrom)+len(b.FilesFromVerbatim)+len(b.FilesFromRaw) > 0 {
		return o, errors.New("--stdin and --files-from… cannot be used together")
	}
	if b.UseFsSnapshot {
		return o, errors.New("--use-fs-snapshot (of Windows) is not supported")
	}
	if b.ExcludeCloudFiles && runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		return o, errors.New("--exclude-cloud-files is for Windows and macOS")
	}
	if b.ExcludeLargerThan != "" {
		size, err := restic.ParseSize(b.ExcludeLargerThan)
		if err != nil || size > math.MaxInt64 {
			return o, fmt.Errorf("--exclude-larger-than: %q is not a size like 500k, 20M or 1G", b.ExcludeLargerThan)
		}
		o.ExcludeLargerThan = int64(size)
	}
	if b.GroupBy != nil {
		by, err := restic.ParseGroupBy(*b.GroupBy)
		if err != nil {
			return o, fmt.Errorf("--group-by: %w", err)
		}
		o.GroupBy = by
	}
	if b.Time != "" {
		var err error
		if o.Time, err = parseTime(b.Time); err != nil {
			return o, err
		}
	}
	return o, nil
}

func parseTime(text string) (time.Time, error) {
	for _, format := range timeFormats {
		if t, err := time.ParseInLocation(format, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--time: %q is not a time like '2012-11-01 22:08:41'", text)
}

// Packing are the options of a backup that restic has as global flags.
func (a *Access) Packing(o *restic.BackupOptions) error {
	if a.Compression != "" {
		compression, err := restic.ParseCompression(a.Compression)
		if err != nil {
			return err
		}
		o.Compression = &compression
	}
	if a.PackSize != 0 {
		bytes := a.PackSize << 20
		o.PackSize = &bytes
	}
	return nil
}
