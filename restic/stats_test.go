package restic

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness/resticcli"
)

func TestStatsAgreeWithRestic(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, dir, _ := sampleBackup(t)
	if err := os.WriteFile(filepath.Join(dir, "work", "report.txt"), []byte("other figures\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backupAt(t, s, time.Now(), "beta", []string{"tag"}, dir)
	backupAt(t, s, time.Now(), "beta", nil, filepath.Join(dir, "work"))
	for _, mode := range []StatsMode{StatsRestoreSize, StatsFilesByContents, StatsBlobsPerFile, StatsRawData} {
		for _, tc := range []struct {
			args []string
			f    SnapshotFilter
		}{
			{nil, SnapshotFilter{}},
			{[]string{"--host", "beta"}, SnapshotFilter{Hosts: []string{"beta"}}},
			{[]string{"latest", "--tag", "tag"}, SnapshotFilter{IDs: []string{"latest"}, Tags: []TagList{{"tag"}}}},
		} {
			want := cli.MustRun(t, cliRepo(t, loc), append([]string{"stats", "--json", "--mode", mode.String()}, tc.args...)...)
			got, err := s.Stats(t.Context(), StatsOptions{Mode: mode, Filter: tc.f})
			if err != nil {
				t.Errorf("%v: %v", mode, err)
				continue
			}
			sameJSON(t, mode.String(), got, want.Stdout)
		}
	}
	if _, err := s.Stats(t.Context(), StatsOptions{Filter: SnapshotFilter{IDs: []string{"12345678"}}}); err == nil {
		t.Error("an unknown snapshot was counted")
	}
}

func TestStatsOfAFormat1Repository(t *testing.T) {
	cli := resticcli.Current(t)
	s, loc, _, _ := sampleBackup(t, WithRepositoryVersion(1))
	want := cli.MustRun(t, cliRepo(t, loc), "stats", "--json", "--mode", "raw-data")
	got, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "raw-data", got, want.Stdout)
}
