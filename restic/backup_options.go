package restic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"

	engfilter "github.com/restic/restic/rwmlink/filter"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// BackupOptions configures a backup. Exactly one of Paths, Reader, Command, FS and
// Files says what to back up; everything else is optional.
type BackupOptions struct {
	// Paths are the files and directories to back up. Relative paths are resolved
	// against the working directory and recorded as absolute.
	Paths []string

	// Reader is backed up as one file called ReaderName ("stdin" by default), instead
	// of Paths. It is read once, to its end, and not touched after Backup has returned.
	// If it fails there is no snapshot, and the error wraps the Reader's.
	//
	// A backup that is cancelled waits for a Read in progress, but no longer than five
	// seconds; the error then wraps ErrReaderBusy, and the Reader is still in use.
	Reader io.Reader
	// Command is run, and its standard output is backed up as one file called
	// ReaderName, instead of Paths. If it fails there is no snapshot. Its standard
	// error becomes Warning events.
	Command    []string
	ReaderName string
	// AllowEmpty accepts a Reader or a Command that gives no data. By default that is
	// an error, ErrEmptySource, since it usually means that a dump has failed.
	AllowEmpty bool

	// FS is backed up instead of Paths, as the directory FSRoot of the snapshot ("/" by
	// default). Everything in it is read, since an fs.FS does not tell what has
	// changed. Devices count as unreadable: it does not tell their numbers either.
	FS     fs.FS
	FSRoot string
	// Files are backed up instead of Paths, in the order of the sequence; each is
	// closed before the next is requested. An error of the sequence or of a file fails
	// the backup, and there is no snapshot. The headers of all of them are held in
	// memory. Excludes and Select apply.
	Files iter.Seq2[FileHeader, io.ReadCloser]

	// Select is called for every file and directory that the excludes leave; false
	// leaves it out, with everything below it. It may be called by several goroutines
	// at the same time. In an FS and in Files, paths have slashes.
	Select func(path string, info fs.FileInfo) bool

	// Excludes are restic's patterns: file names, or paths with *, ?, ** and !; the
	// case of IExcludes is ignored. Exclude files have one pattern a line, with #
	// comments and $VARIABLES.
	Excludes      []string
	IExcludes     []string
	ExcludeFiles  []string
	IExcludeFiles []string

	ExcludeCaches bool // leave out the content of directories with a CACHEDIR.TAG
	// leave out the content of directories that have this file: name or name:header
	ExcludeIfPresent  []string
	ExcludeLargerThan int64 // leave out files larger than this many bytes; 0 means no limit
	ExcludeCloudFiles bool  // leave out files that are only online (Windows and macOS)
	OneFileSystem     bool  // stay in the file systems of Paths

	Tags []string
	Host string    // default: WithHostname, else the name of this host
	Time time.Time // of the snapshot; default: now

	// Parent is the snapshot to compare with; files unchanged since then are not read.
	// It is an ID or a prefix of one. The default is the latest snapshot with the same
	// GroupBy values that is not newer than Time.
	Parent  string
	GroupBy GroupBy // default: host and paths
	Force   bool    // use no parent, read everything

	IgnoreInode bool // do not compare inode numbers and ctimes with the parent's
	IgnoreCtime bool // do not compare ctimes
	WithAtime   bool // record access times

	// DryRun reports what a backup would do: it reads everything, writes nothing and
	// takes no lock.
	DryRun bool
	// SkipIfUnchanged makes no snapshot if it would equal its parent.
	SkipIfUnchanged bool
	// NoScan leaves out the scan that finds the totals for BackupStatus.
	NoScan bool
	// ReadConcurrency is how many files are read at a time; 0 means 2.
	ReadConcurrency uint

	// Compression and PackSize replace those of the session (WithCompression,
	// WithPackSize) in this backup, unless nil.
	Compression *Compression
	PackSize    *uint

	// OnEvent receives BackupStarted, BackupStatus ten times a second, BackupError,
	// Warning and Retrying events and, with Items set, a BackupItem for every file and
	// directory.
	OnEvent func(Event)
	Items   bool
}

func (b *BackupOptions) check() error {
	sources := 0
	for _, given := range []bool{len(b.Paths) > 0, b.Reader != nil, len(b.Command) > 0, b.FS != nil, b.Files != nil} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0:
		return errors.New("backup: nothing to back up: no paths are given")
	case sources > 1:
		return errors.New("backup: paths, a reader and a command exclude each other, and so do an FS and files")
	}
	return b.Check()
}

// Check validates the options apart from what to back up. It reads no file. Backup
// calls it first.
func (b *BackupOptions) Check() error {
	switch {
	case b.Force && b.Parent != "":
		return errors.New("backup: Force uses no parent, but one is given")
	case b.ExcludeLargerThan < 0:
		return fmt.Errorf("backup: invalid size limit %d", b.ExcludeLargerThan)
	case strings.ContainsRune(b.ReaderName, 0):
		return fmt.Errorf("backup: the name %q has a NUL in it: no file can be restored under it", b.ReaderName)
	}
	for _, p := range b.Paths {
		if p == "" {
			return errors.New("backup: an empty path is given")
		}
	}
	for _, patterns := range [][]string{b.Excludes, b.IExcludes} {
		if err := engfilter.ValidatePatterns(patterns); err != nil {
			return fmt.Errorf("backup: exclude patterns: %w", err)
		}
	}
	return nil
}

// engine returns how blobs are packed in this backup.
func (b *BackupOptions) engine(o options) (engrepository.Options, error) {
	if b.Compression != nil {
		o.compression = *b.Compression
	}
	if b.PackSize != nil {
		o.packSize = *b.PackSize
	}
	return o.engine(), o.check()
}

// local reports whether files of this host are backed up.
func (b *BackupOptions) local() bool {
	return b.Reader == nil && len(b.Command) == 0 && b.FS == nil && b.Files == nil
}
