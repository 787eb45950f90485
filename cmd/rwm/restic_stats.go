package main

import "github.com/cesnet/rwm/restic"

type resticStatsCmd struct {
	reads
	IDs  []string `arg:"" optional:"" name:"snapshot" help:"Count only these snapshots."`
	Mode string   `default:"restore-size" enum:"restore-size,files-by-contents,blobs-per-file,raw-data" help:"What to count: restore-size, files-by-contents, blobs-per-file or raw-data."`
	snapshotFlags
}

func (c resticStatsCmd) Run(a *app) error {
	mode, err := restic.ParseStatsMode(c.Mode)
	if err != nil {
		return usageError{err}
	}
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	r, err := s.Stats(a.ctx, restic.StatsOptions{Filter: c.many(c.IDs), Mode: mode, OnEvent: a.onEvent})
	if err != nil {
		return err
	}
	a.bar.end()
	if a.cli.JSON {
		return a.emit(r)
	}
	a.printf("Stats in %s mode:\n", mode)
	line := func(show bool, name, format string, value any) {
		if show {
			a.printf("%24s:  "+format+"\n", name, value)
		}
	}
	line(true, "Snapshots processed", "%d", r.SnapshotsCount)
	line(r.TotalBlobCount > 0, "Total Blob Count", "%d", r.TotalBlobCount)
	line(r.TotalFileCount > 0, "Total File Count", "%d", r.TotalFileCount)
	line(r.TotalUncompressedSize > 0, "Total Uncompressed Size", "%s", formatBytes(r.TotalUncompressedSize))
	line(true, "Total Size", "%s", formatBytes(r.TotalSize))
	line(r.CompressionProgress > 0, "Compression Progress", "%.2f%%", r.CompressionProgress)
	line(r.CompressionRatio > 0, "Compression Ratio", "%.2fx", r.CompressionRatio)
	line(r.CompressionSpaceSaving > 0, "Compression Space Saving", "%.2f%%", r.CompressionSpaceSaving)
	return nil
}
