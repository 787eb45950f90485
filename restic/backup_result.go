package restic

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	engarchiver "github.com/restic/restic/rwmlink/archiver"

	"github.com/cesnet/rwm/internal/plural"
)

// BackupResult describes a finished backup. Sizes are in bytes. Encoded as JSON it has
// the fields of the summary of `restic backup --json`, and names for its other ones.
type BackupResult struct {
	// SnapshotID is zero after a dry run, and when SkipIfUnchanged found nothing new.
	SnapshotID ID
	// ParentID is the snapshot that files were compared with; zero if there was none.
	ParentID ID
	DryRun   bool
	Start    time.Time
	End      time.Time

	FilesNew, FilesChanged, FilesUnmodified uint
	DirsNew, DirsChanged, DirsUnmodified    uint

	DataBlobs int // new blobs with content
	TreeBlobs int // new blobs with directories

	DataAdded       uint64 // new to the repository, before compression
	DataAddedPacked uint64 // the same as stored
	FilesProcessed  uint
	BytesProcessed  uint64

	// Errors are the files and directories that could not be read, the first
	// MaxListedErrors of them. ErrorCount counts all.
	Errors     []ItemError
	ErrorCount uint
}

// MaxListedErrors bounds BackupResult.Errors.
const MaxListedErrors = 10000

func (r *BackupResult) add(s *engarchiver.Summary) {
	r.Start, r.End = s.BackupStart, s.BackupEnd
	r.FilesNew, r.FilesChanged, r.FilesUnmodified = s.Files.New, s.Files.Changed, s.Files.Unchanged
	r.DirsNew, r.DirsChanged, r.DirsUnmodified = s.Dirs.New, s.Dirs.Changed, s.Dirs.Unchanged
	r.DataBlobs, r.TreeBlobs = s.DataBlobs, s.TreeBlobs
	r.DataAdded = s.DataSize + s.TreeSize
	r.DataAddedPacked = s.DataSizeInRepo + s.TreeSizeInRepo
	r.FilesProcessed = r.FilesNew + r.FilesChanged + r.FilesUnmodified
	r.BytesProcessed = s.ProcessedBytes
}

// incomplete is the error for sources that could not be read.
func (r *BackupResult) incomplete(loc Location) error {
	if r.ErrorCount == 0 {
		return nil
	}
	made := "snapshot " + r.SnapshotID.Short() + " was made without them"
	if r.SnapshotID.IsZero() {
		made = "no snapshot was made"
	}
	return fmt.Errorf("%s: %w; %s: %s: %s", loc, ErrIncomplete, made, plural.Of(r.ErrorCount, "error"), joinItems(r.Errors))
}

// backupSummary is restic's summary message, without its message_type, and with what
// else a BackupResult has.
type backupSummary struct {
	FilesNew            uint          `json:"files_new"`
	FilesChanged        uint          `json:"files_changed"`
	FilesUnmodified     uint          `json:"files_unmodified"`
	DirsNew             uint          `json:"dirs_new"`
	DirsChanged         uint          `json:"dirs_changed"`
	DirsUnmodified      uint          `json:"dirs_unmodified"`
	DataBlobs           int           `json:"data_blobs"`
	TreeBlobs           int           `json:"tree_blobs"`
	DataAdded           uint64        `json:"data_added"`
	DataAddedPacked     uint64        `json:"data_added_packed"`
	TotalFilesProcessed uint          `json:"total_files_processed"`
	TotalBytesProcessed uint64        `json:"total_bytes_processed"`
	TotalDuration       float64       `json:"total_duration"`
	BackupStart         time.Time     `json:"backup_start"`
	BackupEnd           time.Time     `json:"backup_end"`
	SnapshotID          ID            `json:"snapshot_id,omitzero"`
	DryRun              bool          `json:"dry_run,omitempty"`
	ParentID            ID            `json:"parent,omitzero"`
	Errors              []itemSummary `json:"errors,omitempty"`
	ErrorCount          uint          `json:"error_count,omitempty"`
}

type itemSummary struct {
	Item    string `json:"item"`
	Message string `json:"message"`
}

// MarshalJSON writes the fields of restic's summary message, without its message_type.
// Errors become their texts.
func (r BackupResult) MarshalJSON() ([]byte, error) {
	summary := backupSummary{
		r.FilesNew, r.FilesChanged, r.FilesUnmodified, r.DirsNew, r.DirsChanged, r.DirsUnmodified, r.DataBlobs, r.TreeBlobs,
		r.DataAdded, r.DataAddedPacked, r.FilesProcessed, r.BytesProcessed, r.End.Sub(r.Start).Seconds(), r.Start, r.End,
		r.SnapshotID, r.DryRun, r.ParentID, nil, r.ErrorCount,
	}
	for _, e := range r.Errors {
		item := itemSummary{Item: e.Item}
		if e.Err != nil {
			item.Message = e.Err.Error()
		}
		summary.Errors = append(summary.Errors, item)
	}
	return json.Marshal(summary)
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the texts of Errors are left.
func (r *BackupResult) UnmarshalJSON(text []byte) error {
	var s backupSummary
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("the result of a backup: %w", err)
	}
	*r = BackupResult{
		SnapshotID: s.SnapshotID, ParentID: s.ParentID, DryRun: s.DryRun, Start: s.BackupStart, End: s.BackupEnd,
		FilesNew: s.FilesNew, FilesChanged: s.FilesChanged, FilesUnmodified: s.FilesUnmodified,
		DirsNew: s.DirsNew, DirsChanged: s.DirsChanged, DirsUnmodified: s.DirsUnmodified,
		DataBlobs: s.DataBlobs, TreeBlobs: s.TreeBlobs, DataAdded: s.DataAdded, DataAddedPacked: s.DataAddedPacked,
		FilesProcessed: s.TotalFilesProcessed, BytesProcessed: s.TotalBytesProcessed, ErrorCount: s.ErrorCount,
	}
	for _, e := range s.Errors {
		r.Errors = append(r.Errors, ItemError{Item: e.Item, Err: errors.New(e.Message)})
	}
	return nil
}
