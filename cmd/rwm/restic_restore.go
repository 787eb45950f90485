package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

type resticRestoreCmd struct {
	reads
	IDs    []string `arg:"" name:"snapshot" help:"Snapshot ID or latest, with :FOLDER to restore only that folder of it."`
	Target string   `short:"t" help:"Directory to restore to." placeholder:"DIR" predictor:"dir"`
	excludeFlags
	includeFlags
	ExcludeXattr    []string `sep:"none" help:"Leave out extended attributes whose names match PATTERN (repeatable)." placeholder:"PATTERN"`
	IncludeXattr    []string `sep:"none" help:"Restore only extended attributes whose names match PATTERN (repeatable)." placeholder:"PATTERN"`
	Overwrite       string   `default:"always" enum:"always,if-changed,if-newer,never" help:"Whether to overwrite existing files: always, if-changed, if-newer or never."`
	Delete          bool     `help:"Delete from the target what is not in the snapshot."`
	Sparse          bool     `help:"Restore runs of zeros as sparse holes."`
	Verify          bool     `help:"Read the restored files again and compare them with the snapshot."`
	DryRun          bool     `help:"Write nothing, only show what would be done."`
	OwnershipByName bool     `help:"Restore owners by the names of users and groups instead of their numbers."`
	snapshotFlags
}

func (resticRestoreCmd) Help() string {
	return `Examples:

  rwm restic restore latest --target /tmp/back
  rwm restic restore 4bd12c4f:/srv/www --target /srv/www --delete --dry-run -vv
  rwm restic restore latest --host web1 --target / --include /etc/nginx --verify`
}

func (c resticRestoreCmd) Run(a *app) error {
	opts, err := c.options(a)
	if err != nil {
		return err
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	result, err := s.Restore(a.ctx, opts)
	if result != nil {
		a.showRestore(result)
	}
	return err
}

func (c resticRestoreCmd) options(a *app) (opts restic.RestoreOptions, err error) {
	if len(c.IDs) != 1 {
		return opts, usageError{fmt.Errorf("one snapshot can be restored at a time, not %d: %s", len(c.IDs), strings.Join(c.IDs, " "))}
	}
	if c.Target == "" {
		return opts, usageError{errors.New("where to restore to is missing: --target DIR")}
	}
	opts = restic.RestoreOptions{
		Snapshot: c.IDs[0], Filter: c.filter(), Target: c.Target,
		Patterns:      patterns(c.excludeFlags, c.includeFlags),
		IncludeXattrs: c.IncludeXattr, ExcludeXattrs: c.ExcludeXattr,
		Delete: c.Delete, Sparse: c.Sparse, Verify: c.Verify, DryRun: c.DryRun, OwnershipByName: c.OwnershipByName,
		OnEvent: func(ev restic.Event) { a.onRestoreEvent(ev, c.Target) },
	}
	opts.Overwrite, err = restic.ParseOverwrite(c.Overwrite)
	return opts, err
}

func (a *app) onRestoreEvent(ev restic.Event, target string) {
	switch ev := ev.(type) {
	case restic.RestoreStarted:
		sn := ev.Snapshot
		a.say("restoring snapshot %s of %v at %s by %s@%s to %s", sn.ID.Short(), oneLines(sn.Paths), sn.Time, oneLine(sn.Username), oneLine(sn.Hostname), target)
	case restic.RestoreStatus:
		a.restoreStatus(ev)
	case restic.RestoreError:
		if a.cli.JSON {
			_ = emitTo(a.stderr, jsonItemError("", "restore", ev.Path, ev.Err))
			return
		}
		a.warn("error: %s: %v", printable(ev.Path), ev.Err)
	case restic.RestoreItem:
		words := strings.Fields(string(ev.Action))
		action := words[len(words)-1]
		if a.cli.JSON {
			if a.cli.Verbose >= 2 {
				_ = a.emit(jsonRestoreItem{"verbose_status", action, ev.Path, ev.Size})
			}
			return
		}
		if slices.Contains(words, "file") {
			a.trace("%-9s %s with size %s", action, printable(ev.Path), formatBytes(ev.Size))
		} else {
			a.trace("%-9s %s", action, printable(ev.Path))
		}
	default:
		a.onEvent(ev)
	}
}

func (a *app) restoreStatus(st restic.RestoreStatus) {
	if !a.cli.JSON {
		line := fmt.Sprintf("[%s] %s  %d files/dirs %s, total %d files/dirs %s", formatDuration(st.Elapsed), formatPercent(st.BytesRestored, st.BytesTotal),
			st.FilesRestored, formatBytes(st.BytesRestored), st.FilesTotal, formatBytes(st.BytesTotal))
		a.bar.set("restore", int64(st.BytesRestored), int64(st.BytesTotal), true, line)
		return
	}
	if !a.bar.due() {
		return
	}
	out := jsonRestore{
		MessageType: "status", SecondsElapsed: uint64(st.Elapsed / time.Second),
		TotalFiles: st.FilesTotal, FilesRestored: st.FilesRestored, FilesSkipped: st.FilesSkipped, FilesDeleted: st.FilesDeleted,
		TotalBytes: st.BytesTotal, BytesRestored: st.BytesRestored, BytesSkipped: st.BytesSkipped,
	}
	percent := 0.0
	if st.BytesTotal > 0 {
		percent = float64(st.BytesRestored) / float64(st.BytesTotal)
	}
	out.PercentDone = &percent
	_ = a.emit(out)
}

type jsonRestore struct {
	MessageType    string   `json:"message_type"`
	SecondsElapsed uint64   `json:"seconds_elapsed,omitempty"`
	PercentDone    *float64 `json:"percent_done,omitempty"` // in status messages only
	TotalFiles     uint64   `json:"total_files,omitempty"`
	FilesRestored  uint64   `json:"files_restored,omitempty"`
	FilesSkipped   uint64   `json:"files_skipped,omitempty"`
	FilesDeleted   uint64   `json:"files_deleted,omitempty"`
	TotalBytes     uint64   `json:"total_bytes,omitempty"`
	BytesRestored  uint64   `json:"bytes_restored,omitempty"`
	BytesSkipped   uint64   `json:"bytes_skipped,omitempty"`
}

type jsonRestoreItem struct {
	MessageType string `json:"message_type"`
	Action      string `json:"action"`
	Item        string `json:"item"`
	Size        uint64 `json:"size"`
}

func (a *app) showRestore(r *restic.RestoreResult) {
	a.bar.end()
	if a.cli.JSON {
		_ = a.emit(jsonRestore{
			MessageType: "summary", SecondsElapsed: uint64(r.Seconds),
			TotalFiles: r.FilesTotal, FilesRestored: r.FilesRestored, FilesSkipped: r.FilesSkipped, FilesDeleted: r.FilesDeleted,
			TotalBytes: r.BytesTotal, BytesRestored: r.BytesRestored, BytesSkipped: r.BytesSkipped,
		})
		return
	}
	summary := fmt.Sprintf("Summary: Restored %d / %d files/dirs (%s / %s) in %s", r.FilesRestored, r.FilesTotal,
		formatBytes(r.BytesRestored), formatBytes(r.BytesTotal), formatSeconds(r.Seconds))
	if r.FilesRestored == r.FilesTotal && r.BytesRestored == r.BytesTotal {
		summary = fmt.Sprintf("Summary: Restored %d files/dirs (%s) in %s", r.FilesTotal, formatBytes(r.BytesTotal), formatSeconds(r.Seconds))
	}
	if r.FilesSkipped > 0 {
		summary += fmt.Sprintf(", skipped %d files/dirs %s", r.FilesSkipped, formatBytes(r.BytesSkipped))
	}
	if r.FilesDeleted > 0 {
		summary += fmt.Sprintf(", deleted %d files/dirs", r.FilesDeleted)
	}
	a.say("%s", summary)
	if r.FilesVerified > 0 {
		a.say("verified %s", count(r.FilesVerified, "file"))
	}
}
