package restic

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Snapshot is the record of one backup: what was backed up, when, by whom, and the tree
// that holds it. Encoded as JSON it has the fields `restic snapshots --json` prints.
type Snapshot struct {
	ID       ID        `json:"id"`
	Time     time.Time `json:"time"`
	Parent   ID        `json:"parent,omitzero"` // zero if the backup had no parent
	Tree     ID        `json:"tree,omitzero"`
	Paths    []string  `json:"paths"`
	Hostname string    `json:"hostname,omitempty"`
	Username string    `json:"username,omitempty"`
	UID      uint32    `json:"uid,omitempty"`
	GID      uint32    `json:"gid,omitempty"`
	Excludes []string  `json:"excludes,omitempty"`
	Tags     []string  `json:"tags,omitempty"`
	// Original is the snapshot this one was made from by tag, rewrite, repair or copy;
	// zero if it was not.
	Original ID `json:"original,omitzero"`

	ProgramVersion string `json:"program_version,omitempty"`
	// Summary is nil for snapshots of older versions of restic, which did not keep one.
	Summary *SnapshotSummary `json:"summary,omitempty"`
}

// SnapshotSummary counts what the backup that made a snapshot did. Sizes are in bytes.
type SnapshotSummary struct {
	BackupStart time.Time `json:"backup_start"`
	BackupEnd   time.Time `json:"backup_end"`

	FilesNew            uint   `json:"files_new"`
	FilesChanged        uint   `json:"files_changed"`
	FilesUnmodified     uint   `json:"files_unmodified"`
	DirsNew             uint   `json:"dirs_new"`
	DirsChanged         uint   `json:"dirs_changed"`
	DirsUnmodified      uint   `json:"dirs_unmodified"`
	DataBlobs           int    `json:"data_blobs"`
	TreeBlobs           int    `json:"tree_blobs"`
	DataAdded           uint64 `json:"data_added"`        // before compression
	DataAddedPacked     uint64 `json:"data_added_packed"` // as stored
	TotalFilesProcessed uint   `json:"total_files_processed"`
	TotalBytesProcessed uint64 `json:"total_bytes_processed"`
}

// MarshalJSON encodes the snapshot as restic does, the abbreviated id included.
func (sn Snapshot) MarshalJSON() ([]byte, error) {
	type plain Snapshot
	return json.Marshal(struct {
		plain
		ShortID string `json:"short_id"`
	}{plain(sn), sn.ID.Short()})
}

// Snapshots returns the snapshots that f selects, the oldest first.
//
// An unreadable snapshot does not hide the others: they are returned together with a
// *SnapshotsError that names each unreadable one. If f.IDs names a snapshot that does
// not exist, the error wraps ErrNoSnapshot, and the snapshots that were found are again
// returned with it.
func (s *Session) Snapshots(ctx context.Context, f SnapshotFilter) ([]Snapshot, error) {
	var found []Snapshot
	var problem error
	err := s.run(ctx, access{lists: true, names: f.names()}, func(ctx context.Context, repo *engrepository.Repository) error {
		list, err := s.view.load(ctx, repo, f.names())
		if err != nil {
			return err
		}
		selected, err := list.selectAll(f, nil)
		problem = err
		found = newSnapshots(selected)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, problem
}

// FindSnapshot returns the one snapshot that name selects, and the folder in it if name
// has the form "ID:folder". name is a full ID, an unambiguous prefix of one, or
// "latest", to which f's Hosts, Tags, Paths and Before apply. The error wraps
// ErrNoSnapshot if there is no such snapshot.
func (s *Session) FindSnapshot(ctx context.Context, name string, f SnapshotFilter) (sn Snapshot, folder string, err error) {
	err = s.run(ctx, access{}, func(ctx context.Context, repo *engrepository.Repository) error {
		found, sub, err := s.view.find(ctx, repo, name, f)
		if err != nil {
			return err
		}
		sn, folder = newSnapshot(found), sub
		return nil
	})
	return sn, folder, err
}

func newSnapshots(list engdata.Snapshots) []Snapshot {
	out := make([]Snapshot, len(list))
	for i, sn := range list {
		out[i] = newSnapshot(sn)
	}
	return out
}

func newSnapshot(sn *engdata.Snapshot) Snapshot {
	out := Snapshot{
		ID:             fromEngine(sn.ID()),
		Time:           sn.Time,
		Parent:         fromEngine(sn.Parent),
		Tree:           fromEngine(sn.Tree),
		Paths:          slices.Clone(sn.Paths),
		Hostname:       sn.Hostname,
		Username:       sn.Username,
		UID:            sn.UID,
		GID:            sn.GID,
		Excludes:       slices.Clone(sn.Excludes),
		Tags:           slices.Clone(sn.Tags),
		Original:       fromEngine(sn.Original),
		ProgramVersion: sn.ProgramVersion,
	}
	if sn.Summary != nil {
		sum := SnapshotSummary(*sn.Summary)
		out.Summary = &sum
	}
	return out
}
