package restic

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/restic/restic/rwmlink/filter"
	"github.com/restic/restic/rwmlink/repository"
)

// BackupOptions says what to back up and how. Only Paths (or a Reader or Command) is required.
type BackupOptions struct {
	// Paths are the files and directories to back up. Relative ones count from the working directory and are recorded as absolute.
	Paths []string

	// Reader is backed up as one file called ReaderName ("stdin" by default), instead of Paths. It is read once, to its end. A Read that
	// waits when the backup is cancelled is not waited for.
	Reader io.Reader
	// Command is run, and what it prints is backed up as one file called ReaderName, instead of Paths. If it fails there is no snapshot. What it
	// prints to standard error comes as Warning events.
	Command    []string
	ReaderName string

	// Excludes are restic's patterns: file names, or paths with *, ?, ** and !; the case of IExcludes is ignored. Exclude files have one
	// pattern a line, with # comments and $VARIABLES.
	Excludes      []string
	IExcludes     []string
	ExcludeFiles  []string
	IExcludeFiles []string

	ExcludeCaches     bool     // leave out the content of directories with a CACHEDIR.TAG
	ExcludeIfPresent  []string // leave out the content of directories that have this file: name or name:header
	ExcludeLargerThan int64    // leave out files of more bytes; 0 means no limit
	ExcludeCloudFiles bool     // leave out files that are only online (Windows and macOS)
	OneFileSystem     bool     // stay in the file systems of Paths

	Tags []string
	Host string    // default: WithHostname, else the name of this host
	Time time.Time // of the snapshot; default: now

	// Parent is the snapshot to compare with: what has not changed since is not read. An ID or a prefix of one; by default the latest snapshot
	// with the same GroupBy values that is not newer than Time.
	Parent  string
	GroupBy GroupBy // default: host and paths
	Force   bool    // use no parent, read everything

	IgnoreInode bool // do not compare inode numbers and ctimes with the parent's
	IgnoreCtime bool // do not compare ctimes
	WithAtime   bool // record access times

	// DryRun finds out what a backup would do: everything is read, nothing is written and no lock is taken.
	DryRun bool
	// SkipIfUnchanged makes no snapshot when it would be equal to its parent.
	SkipIfUnchanged bool
	// NoScan leaves out the scan that finds the totals for BackupStatus.
	NoScan bool
	// ReadConcurrency is how many files are read at a time; 0 means 2.
	ReadConcurrency uint

	// Compression and PackSize replace those of the session (WithCompression, WithPackSize) in this backup, unless nil.
	Compression *Compression
	PackSize    *uint

	// OnEvent gets BackupStarted, BackupStatus ten times a second, BackupError, Warning and Retrying when they happen, and with Items set a
	// BackupItem for every file and directory.
	OnEvent func(Event)
	Items   bool
}

func (b *BackupOptions) check() error {
	sources := 0
	for _, given := range []bool{len(b.Paths) > 0, b.Reader != nil, len(b.Command) > 0} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0:
		return errors.New("backup: nothing to back up: no paths are given")
	case sources > 1:
		return errors.New("backup: paths, a reader and a command exclude each other")
	}
	return b.Check()
}

// Check says what is wrong with the options, whatever is to be backed up. It looks at no file. Backup does the same first.
func (b *BackupOptions) Check() error {
	switch {
	case b.Force && b.Parent != "":
		return errors.New("backup: Force uses no parent, but one is given")
	case b.ExcludeLargerThan < 0:
		return fmt.Errorf("backup: invalid size limit %d", b.ExcludeLargerThan)
	}
	for _, p := range b.Paths {
		if p == "" {
			return errors.New("backup: an empty path is given")
		}
	}
	for _, patterns := range [][]string{b.Excludes, b.IExcludes} {
		if err := filter.ValidatePatterns(patterns); err != nil {
			return fmt.Errorf("backup: exclude patterns: %w", err)
		}
	}
	return nil
}

// engine returns how blobs are packed in this backup.
func (b *BackupOptions) engine(o options) (repository.Options, error) {
	if b.Compression != nil {
		o.compression = *b.Compression
	}
	if b.PackSize != nil {
		o.packSize = *b.PackSize
	}
	return o.engine(), o.check()
}

// local reports whether files of this host are backed up.
func (b *BackupOptions) local() bool { return b.Reader == nil && len(b.Command) == 0 }
