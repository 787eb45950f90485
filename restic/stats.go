package restic

import (
	"context"
	"fmt"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// StatsMode is what Stats counts.
type StatsMode int

// Modes of Stats.
const (
	// StatsRestoreSize counts what restoring the snapshots would write, each of them
	// whole.
	StatsRestoreSize StatsMode = iota
	// StatsFilesByContents counts files of the same content once.
	StatsFilesByContents
	// StatsBlobsPerFile counts the blobs of files, those of one path once.
	StatsBlobsPerFile
	// StatsRawData counts the blobs in the repository that the snapshots use, as they
	// are stored.
	StatsRawData
)

var statsModeNames = []string{"restore-size", "files-by-contents", "blobs-per-file", "raw-data"}

// ParseStatsMode reads restore-size, files-by-contents, blobs-per-file or raw-data.
func ParseStatsMode(s string) (StatsMode, error) {
	for i, name := range statsModeNames {
		if name == s {
			return StatsMode(i), nil
		}
	}
	return 0, fmt.Errorf("unknown counting mode %q: restore-size, files-by-contents, blobs-per-file or raw-data expected", s)
}

// String returns the name that ParseStatsMode reads.
func (m StatsMode) String() string {
	if m < 0 || int(m) >= len(statsModeNames) {
		return fmt.Sprintf("StatsMode(%d)", int(m))
	}
	return statsModeNames[m]
}

// StatsOptions configures Stats.
type StatsOptions struct {
	Filter SnapshotFilter
	Mode   StatsMode
	// OnSnapshot receives what each snapshot has, if Mode is StatsRestoreSize. Trees
	// that several share are read once for all of them.
	OnSnapshot func(SnapshotStats)
	// OnEvent receives Progress and Warning events.
	OnEvent func(Event)
}

// SnapshotStats is what one snapshot has: entries of all kinds, and the bytes of files.
type SnapshotStats struct {
	ID             ID
	Entries, Bytes uint64
}

// StatsResult is what was counted. Sizes are in bytes. Values that a mode does not
// count are zero. Encoded as JSON it has the fields `restic stats --json` prints.
type StatsResult struct {
	TotalSize             uint64 `json:"total_size"`
	TotalUncompressedSize uint64 `json:"total_uncompressed_size,omitempty"`
	// CompressionRatio is how many times larger the compressed blobs were.
	CompressionRatio float64 `json:"compression_ratio,omitempty"`
	// CompressionProgress is how many percent of the data are compressed.
	CompressionProgress float64 `json:"compression_progress,omitempty"`
	// CompressionSpaceSaving is how many percent of the space are saved.
	CompressionSpaceSaving float64 `json:"compression_space_saving,omitempty"`
	TotalFileCount         uint64  `json:"total_file_count,omitempty"`
	TotalBlobCount         uint64  `json:"total_blob_count,omitempty"`
	SnapshotsCount         int     `json:"snapshots_count"`
}

// Stats counts the content of the snapshots that o.Filter selects. The modes are
// restic's. A named snapshot that does not exist or cannot be read is an error.
func (s *Session) Stats(ctx context.Context, o StatsOptions) (*StatsResult, error) {
	if o.Mode < 0 || int(o.Mode) >= len(statsModeNames) {
		return nil, fmt.Errorf("stats: unknown mode %v", o.Mode)
	}
	rep := s.reporter(o.OnEvent)
	defer rep.stop()

	res := &StatsResult{}
	var selected engdata.Snapshots
	choose := func(ctx context.Context, repo *engrepository.Repository) (err error) {
		selected, err = s.view.choose(ctx, repo, o.Filter, rep)
		return err
	}
	a := access{index: true, choose: choose, lists: true, names: o.Filter.names(), walking: everyTree}
	if o.Mode != StatsRawData {
		a.walk = o.Filter.roots
	}
	err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
		res.SnapshotsCount = len(selected)
		if o.Mode == StatsRawData {
			return countRawData(ctx, repo, selected, res, rep)
		}
		return countFiles(ctx, repo, selected, o, res, rep)
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// countRawData counts each blob once.
func countRawData(ctx context.Context, repo *engrepository.Repository, list engdata.Snapshots, res *StatsResult, rep *reporter) error {
	bar := rep.counter("snapshots")
	bar.SetMax(uint64(len(list)))
	defer bar.Done()
	used := newBlobSet(repo)
	if err := findUsedBlobs(ctx, repo, treeIDs(list), used, bar); err != nil {
		return fmt.Errorf("stats: reading the trees: %w", err)
	}
	var compressed, compressedFrom uint64
	for h := range used.Keys() {
		places := repo.LookupBlob(h.Type, h.ID)
		if len(places) == 0 {
			return fmt.Errorf("stats: %w: %v is in no index", ErrDamaged, h)
		}
		pb := places[0]
		plain := uint64(engcrypto.CiphertextLength(int(pb.DataLength())))
		res.TotalBlobCount++
		res.TotalSize += uint64(pb.Length)
		if repo.Config().Version >= 2 {
			res.TotalUncompressedSize += plain
			if pb.IsCompressed() {
				compressed += uint64(pb.Length)
				compressedFrom += plain
			}
		}
	}
	if compressed > 0 {
		res.CompressionRatio = float64(compressedFrom) / float64(compressed)
	}
	if res.TotalUncompressedSize > 0 {
		total := float64(res.TotalUncompressedSize)
		res.CompressionProgress = float64(compressedFrom) / total * 100
		res.CompressionSpaceSaving = (1 - float64(res.TotalSize)/total) * 100
	}
	return nil
}

// everyTree is a walk through each tree once.
var everyTree = walking{once: true, wants: func(string, *engdata.Node) bool { return true }}

// countFiles walks the trees of one snapshot after the other.
func countFiles(ctx context.Context, repo *engrepository.Repository, list engdata.Snapshots, o StatsOptions, res *StatsResult, rep *reporter) error {
	bar := rep.counter("snapshots")
	bar.SetMax(uint64(len(list)))
	defer bar.Done()
	ahead, end := everyTree.begin(ctx, repo, treeIDs(list))
	defer end()
	var visit func(ctx context.Context, root engrestic.ID) error
	if o.Mode == StatsRestoreSize {
		visit = newRestoreSize(ahead, res).snapshot
	} else {
		visit = newContents(repo, ahead, res, o.Mode).snapshot
	}
	for _, sn := range list {
		before := *res
		if err := visit(ctx, *sn.Tree); err != nil {
			return fmt.Errorf("stats: snapshot %s: %w", sn.ID().Str(), err)
		}
		if o.OnSnapshot != nil && o.Mode == StatsRestoreSize {
			o.OnSnapshot(SnapshotStats{ID(*sn.ID()), res.TotalFileCount - before.TotalFileCount, res.TotalSize - before.TotalSize})
		}
		bar.Add(1)
	}
	return nil
}
