package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
)

// backupOutput shows a backup as restic does. name tells the backups of a run
// apart; `rwm restic backup` has none.
type backupOutput struct {
	*app
	name string
}

func (o backupOutput) onEvent(ev restic.Event) {
	switch ev := ev.(type) {
	case restic.BackupStarted:
		o.started(ev)
	case restic.BackupStatus:
		o.status(ev)
	case restic.BackupItem:
		o.item(ev)
	case restic.BackupError:
		o.failed(ev)
	case restic.BackupScanned:
		if o.cli.JSON && o.cli.Verbose > 0 {
			_ = o.emit(jsonVerbose{Name: o.name, MessageType: "verbose_status", Action: "scan_finished",
				Duration: ev.Elapsed.Seconds(), DataSize: ev.Bytes, TotalFiles: ev.Files})
		}
		o.detail("scan finished in %.3fs: %d files, %s", ev.Elapsed.Seconds(), ev.Files, formatBytes(ev.Bytes))
	default:
		o.app.onEvent(ev)
	}
}

func (o backupOutput) started(ev restic.BackupStarted) {
	say := o.say
	if o.name != "" {
		say = o.detail // there are many backups in a run
	}
	if ev.Parent.IsZero() {
		say("no parent snapshot found, will read all files")
	} else {
		say("using parent snapshot %s", ev.Parent.Short())
	}
}

func (o backupOutput) status(st restic.BackupStatus) {
	if o.cli.JSON {
		if o.bar.due() {
			_ = o.emit(jsonStatus(o.name, st))
		}
		return
	}
	line := fmt.Sprintf("[%s] %s  %d files %s, total %d files %s, %s", formatDuration(st.Elapsed),
		formatPercent(st.BytesDone, st.TotalBytes), st.FilesDone, formatBytes(st.BytesDone), st.TotalFiles, formatBytes(st.TotalBytes), count(st.Errors, "error"))
	if st.Remaining > 0 {
		line += " ETA " + formatDuration(st.Remaining)
	}
	for _, path := range st.CurrentFiles {
		line += "\n" + printable(path)
	}
	total, files := int64(-1), fmt.Sprintf("%d files", st.FilesDone)
	if st.ScanFinished {
		total, files = int64(st.TotalBytes), fmt.Sprintf("%d/%d files", st.FilesDone, st.TotalFiles)
	}
	note := []string{files}
	if st.Errors > 0 {
		note = append(note, count(st.Errors, "error"))
	}
	o.bar.set(cmp.Or(o.name, "backup"), int64(st.BytesDone), total, true, line, note...)
}

func (o backupOutput) failed(ev restic.BackupError) {
	during := "archival"
	if ev.DuringScan {
		during = "scan"
	}
	switch {
	case o.cli.JSON:
		_ = emitTo(o.stderr, jsonItemError(o.name, during, ev.Path, ev.Err))
	case !ev.DuringScan || o.cli.Verbose > 0:
		o.warn("error: %s: %v", printable(ev.Path), ev.Err)
	}
}

func (o backupOutput) item(it restic.BackupItem) {
	if o.cli.JSON {
		if o.cli.Verbose > 0 {
			_ = o.emit(jsonVerbose{Name: o.name, MessageType: "verbose_status", Action: string(it.Action), Item: it.Path,
				Duration: it.Duration.Seconds(), DataSize: it.DataSize, DataSizeInRepo: it.DataSizeInRepo,
				MetadataSize: it.MetadataSize, MetadataSizeInRepo: it.MetadataSizeInRepo})
		}
		return
	}
	if it.Action == restic.ItemUnchanged {
		o.trace("unchanged %s", printable(it.Path))
		return
	}
	o.trace("%-9s %s, saved in %.3fs (%s added, %s stored)", it.Action, printable(it.Path), it.Duration.Seconds(),
		formatBytes(it.DataSize+it.MetadataSize), formatBytes(it.DataSizeInRepo+it.MetadataSizeInRepo))
}

func (o backupOutput) summary(r *restic.BackupResult) {
	o.bar.end()
	if o.cli.JSON {
		_ = o.emit(jsonSummary{o.name, r})
		return
	}
	o.say("")
	o.say("Files:       %5d new, %5d changed, %5d unmodified", r.FilesNew, r.FilesChanged, r.FilesUnmodified)
	o.say("Dirs:        %5d new, %5d changed, %5d unmodified", r.DirsNew, r.DirsChanged, r.DirsUnmodified)
	o.detail("Data Blobs:  %5d new", r.DataBlobs)
	o.detail("Tree Blobs:  %5d new", r.TreeBlobs)
	o.say("%s to the repository: %-5s (%-5s stored)\n", yesNo(r.DryRun, "Would add", "Added"), formatBytes(r.DataAdded), formatBytes(r.DataAddedPacked))
	o.say("processed %d files, %s in %s", r.FilesProcessed, formatBytes(r.BytesProcessed), formatDuration(r.End.Sub(r.Start)))
	switch {
	case r.DryRun:
	case r.SnapshotID.IsZero():
		o.say("skipped creating snapshot")
	default:
		o.say("snapshot %s saved", r.SnapshotID.Short())
	}
}

// The messages of restic --json; name is ours.

type jsonBackupStatus struct {
	Name             string   `json:"name,omitempty"`
	MessageType      string   `json:"message_type"`
	SecondsElapsed   uint64   `json:"seconds_elapsed,omitempty"`
	SecondsRemaining uint64   `json:"seconds_remaining,omitempty"`
	PercentDone      float64  `json:"percent_done"`
	TotalFiles       uint64   `json:"total_files,omitempty"`
	FilesDone        uint64   `json:"files_done,omitempty"`
	TotalBytes       uint64   `json:"total_bytes,omitempty"`
	BytesDone        uint64   `json:"bytes_done,omitempty"`
	ErrorCount       uint     `json:"error_count,omitempty"`
	CurrentFiles     []string `json:"current_files,omitempty"`
}

func jsonStatus(name string, st restic.BackupStatus) jsonBackupStatus {
	out := jsonBackupStatus{
		Name: name, MessageType: "status",
		SecondsElapsed: uint64(st.Elapsed / time.Second), SecondsRemaining: uint64(st.Remaining / time.Second),
		TotalFiles: st.TotalFiles, FilesDone: st.FilesDone, TotalBytes: st.TotalBytes, BytesDone: st.BytesDone,
		ErrorCount: st.Errors, CurrentFiles: st.CurrentFiles,
	}
	if st.TotalBytes > 0 {
		out.PercentDone = float64(st.BytesDone) / float64(st.TotalBytes)
	}
	return out
}

type jsonVerbose struct {
	Name               string  `json:"name,omitempty"`
	MessageType        string  `json:"message_type"`
	Action             string  `json:"action"`
	Item               string  `json:"item"`
	Duration           float64 `json:"duration"`
	DataSize           uint64  `json:"data_size"`
	DataSizeInRepo     uint64  `json:"data_size_in_repo"`
	MetadataSize       uint64  `json:"metadata_size"`
	MetadataSizeInRepo uint64  `json:"metadata_size_in_repo"`
	TotalFiles         uint64  `json:"total_files"`
}

type jsonError struct {
	Name        string            `json:"name,omitempty"`
	MessageType string            `json:"message_type"`
	Error       map[string]string `json:"error"`
	During      string            `json:"during"`
	Item        string            `json:"item"`
}

func jsonItemError(name, during, item string, err error) jsonError {
	return jsonError{name, "error", map[string]string{"message": err.Error()}, during, item}
}

// jsonSummary puts restic's message type in front of the result's own fields.
type jsonSummary struct {
	name   string
	result *restic.BackupResult
}

func (s jsonSummary) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(struct {
		Name        string `json:"name,omitempty"`
		MessageType string `json:"message_type"`
	}{s.name, "summary"})
	if err != nil {
		return nil, err
	}
	result := *s.result
	result.ParentID, result.Errors, result.ErrorCount = restic.ID{}, nil, 0 // not in restic's
	body, err := json.Marshal(&result)
	if err != nil {
		return nil, err
	}
	return append(append(head[:len(head)-1], ','), body[1:]...), nil
}
