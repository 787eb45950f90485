package restic

import "testing"

// Latest counts in everything that selects snapshots: what it leaves out is not
// counted, tagged, copied or rewritten.
func TestLatestCountsEverywhere(t *testing.T) {
	ctx := t.Context()
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{"a": "b"})
	for range 3 {
		mustBackup(t, s, dir)
	}
	newest := SnapshotFilter{Latest: 1}
	stats, err := s.Stats(ctx, StatsOptions{Filter: newest})
	if err != nil || stats.SnapshotsCount != 1 {
		t.Errorf("stats counts %+v, %v", stats, err)
	}
	target, _ := initMemory(t)
	copied, err := s.CopyTo(ctx, target, CopyOptions{Filter: newest})
	if err != nil {
		t.Fatal(err)
	}
	if there, err := target.Snapshots(ctx, SnapshotFilter{}); err != nil || len(there) != 1 {
		t.Errorf("copied %d snapshots (%+v), %v", len(there), copied, err)
	}
	if _, err := s.Tag(ctx, TagOptions{Filter: newest, Add: []string{"new"}}); err != nil {
		t.Fatal(err)
	}
	if tagged, err := s.Snapshots(ctx, SnapshotFilter{Tags: []TagList{{"new"}}}); err != nil || len(tagged) != 1 {
		t.Errorf("tagged %d snapshots, %v", len(tagged), err)
	}
}
