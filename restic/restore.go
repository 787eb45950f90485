package restic

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestorer "github.com/restic/restic/rwmlink/restorer"
	enguirestore "github.com/restic/restic/rwmlink/uirestore"

	"github.com/cesnet/rwm/internal/plural"
)

// Overwrite is how a restore treats existing files.
type Overwrite int

// How to treat files that exist in the target.
const (
	OverwriteAlways Overwrite = iota // overwrite them; only what differs is fetched
	// the same, but a file of the same size and time is taken as unchanged
	OverwriteIfChanged
	OverwriteIfNewer // only if the file in the snapshot is newer
	OverwriteNever   // keep existing files
)

var overwriteNames = []string{"always", "if-changed", "if-newer", "never"}

// ParseOverwrite reads always, if-changed, if-newer or never.
func ParseOverwrite(s string) (Overwrite, error) {
	for i, name := range overwriteNames {
		if name == s {
			return Overwrite(i), nil
		}
	}
	return 0, fmt.Errorf("invalid overwrite mode %q: always, if-changed, if-newer or never expected", s)
}

// String returns the name that ParseOverwrite reads.
func (o Overwrite) String() string {
	if o < 0 || int(o) >= len(overwriteNames) {
		return fmt.Sprintf("Overwrite(%d)", int(o))
	}
	return overwriteNames[o]
}

// RestoreOptions configures a restore.
type RestoreOptions struct {
	// Snapshot is an ID, a prefix of one or "latest", and optionally a folder in it:
	// "latest:/home/me".
	Snapshot string
	// Filter narrows down which snapshot is the latest.
	Filter SnapshotFilter
	// Target is the directory to restore to. It is created if need be.
	Target string
	// Patterns selects what is restored; everything by default.
	Patterns
	// IncludeXattrs and ExcludeXattrs are patterns for names of extended attributes.
	// All are restored by default.
	IncludeXattrs, ExcludeXattrs []string
	// Overwrite is how to treat existing files.
	Overwrite Overwrite
	// Delete removes files from the target that are not in the snapshot, as far as
	// Patterns selects them.
	Delete bool
	// Sparse restores runs of zeros as sparse holes.
	Sparse bool
	// OwnershipByName restores owners by user and group name instead of by number. It
	// is refused on Windows.
	OwnershipByName bool
	// Verify reads the restored files again and compares them with the snapshot.
	Verify bool
	// DryRun writes nothing.
	DryRun bool
	// OnEvent receives RestoreStarted, RestoreStatus, RestoreItem, RestoreError,
	// Progress and Warning events.
	OnEvent func(Event)

	plain bool // leave everything to the engine's restorer, for tests
}

// RestoreResult counts what was restored. In a dry run it counts what would be.
type RestoreResult struct {
	// Snapshot is the restored snapshot.
	Snapshot Snapshot
	// Folder is what was restored of it, "" for all.
	Folder string

	FilesTotal    uint64 // files, directories and everything else that was to be restored
	FilesRestored uint64
	FilesSkipped  uint64 // left as they were
	FilesDeleted  uint64
	BytesTotal    uint64
	BytesRestored uint64
	BytesSkipped  uint64
	// FilesVerified counts the files that were compared and found right.
	FilesVerified uint64
	Seconds       float64 // how long it took
	// Failed lists every path that could not be restored or verified as it should be.
	Failed []ItemError
}

// RestoreFailedError lists the files that could not be restored or verified; the others
// were.
type RestoreFailedError struct {
	Target string
	Failed []ItemError
}

func (e *RestoreFailedError) Error() string {
	return fmt.Sprintf("%s while restoring to %s: %s", plural.Of(len(e.Failed), "error"), e.Target, joinItems(e.Failed))
}

// Unwrap returns the errors of the single paths.
func (e *RestoreFailedError) Unwrap() []error { return itemErrors(e.Failed) }

// Restore writes the files of a snapshot to a directory.
//
// Whatever the snapshot says, nothing outside of the directory is changed: what would
// lead there, as only forged trees and links that were there before do, is an error.
//
// If a file cannot be restored it continues with the others and returns a
// *RestoreFailedError at the end. The result comes with every error except those about
// the snapshot or the options.
func (s *Session) Restore(ctx context.Context, o RestoreOptions) (*RestoreResult, error) {
	selectItem, err := o.check(ctx)
	if err != nil {
		return nil, err
	}
	selectXattr, err := o.xattrs(ctx)
	if err != nil {
		return nil, err
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()

	var res *RestoreResult
	err = s.walkSnapshot(ctx, o.Snapshot, o.Filter, o.walking(selectItem), func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, folder string) error {
		res = &RestoreResult{Snapshot: newSnapshot(sn), Folder: folder}
		rep.emit(RestoreStarted{res.Snapshot})
		ahead, err := newRestoreAhead(ctx, repo, *sn.Tree, &o)
		if err != nil {
			return fmt.Errorf("restoring to %s: %w", o.Target, err)
		}
		defer ahead.stop()
		watch := &restoreWatch{eventPrinter: eventPrinter{rep: rep}, res: res, unchanged: ahead.unchanged}
		bar := enguirestore.NewProgress(watch, progressInterval)
		r := engrestorer.NewRestorer(ahead, sn, engrestorer.Options{
			DryRun:          o.DryRun,
			Sparse:          o.Sparse,
			Progress:        bar,
			Overwrite:       engrestorer.OverwriteBehavior(o.Overwrite),
			Delete:          o.Delete,
			OwnershipByName: o.OwnershipByName,
		})
		ahead.selects = selectItem
		ahead.fail = func(item string, err error) error {
			if errors.Is(context.Cause(ctx), ErrSealed) {
				return err // of the operation, not of this file
			}
			return bar.Error(item, err)
		}
		r.Error = ahead.error
		r.Warn = func(text string) { rep.warn(text, nil) }
		r.Info = func(text string) { watch.P("%s", text) }
		r.SelectFilter = ahead.selectItem
		r.XattrSelectFilter = selectXattr

		start := time.Now()
		defer func() { res.Seconds = time.Since(start).Seconds() }()
		files, err := r.RestoreTo(ctx, o.Target)
		bar.Finish()
		if err == nil && o.Verify && len(res.Failed) == 0 {
			var n int
			n, err = r.VerifyFiles(ctx, o.Target, files, rep.counter("files verified"))
			res.FilesVerified = uint64(n)
		}
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("restoring to %s: %w", o.Target, err)
		}
		return err
	})
	if err == nil && len(res.Failed) > 0 {
		err = &RestoreFailedError{Target: o.Target, Failed: res.Failed}
	}
	return res, err
}

func (o *RestoreOptions) check(ctx context.Context) (func(string, bool) (bool, bool), error) {
	switch {
	case o.Snapshot == "":
		return nil, errors.New("restore: no snapshot given; \"latest\" is the newest one")
	case o.Target == "":
		return nil, errors.New("restore: no target directory given")
	case o.DryRun && o.Verify:
		return nil, errors.New("restore: a dry run leaves nothing to verify")
	case o.Overwrite < OverwriteAlways || o.Overwrite > OverwriteNever:
		return nil, fmt.Errorf("restore: invalid overwrite mode %v", o.Overwrite)
	case o.OwnershipByName && runtime.GOOS == "windows":
		return nil, errors.New("restore: ownership by name is not supported on Windows")
	case o.Delete && o.empty() && isRoot(o.Target):
		return nil, errors.New("restore: deleting in the root directory needs an include or exclude pattern")
	}
	return o.restoreFilter(ctx)
}

// isRoot reports whether dir is the root directory, or on Windows that of a drive.
func isRoot(dir string) bool {
	abs, err := filepath.Abs(dir)
	return err != nil || filepath.Dir(abs) == abs
}

// restoreWatch turns the engine's reports about a restore into events and the result.
type restoreWatch struct {
	eventPrinter
	unchanged func(path string) // is told of unchanged files
	mu        sync.Mutex
	res       *RestoreResult
}
