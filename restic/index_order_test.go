package restic

import (
	"io"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestReadersSeeWhatAWriterSaved lets a reader replace the session's repository object,
// because another host has made a backup, while a backup of the same session is under
// way: what that backup saves must be known to later readers.
func TestReadersSeeWhatAWriterSaved(t *testing.T) {
	s, loc, _, _ := sampleBackup(t)
	other := openAgain(t, loc)
	if _, err := s.Stats(t.Context(), StatsOptions{}); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	var g errgroup.Group
	var res *BackupResult
	g.Go(func() (err error) {
		res, err = s.Backup(t.Context(), BackupOptions{Reader: r, ReaderName: "late"})
		return err
	})
	if _, err := io.WriteString(w, strings.Repeat("first half", 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Backup(t.Context(), BackupOptions{Paths: []string{writeTree(t, map[string]string{"other": "host"})}, Host: "beta"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Stats(t.Context(), StatsOptions{Mode: StatsRawData}); err != nil {
			t.Error(err)
		}
	}
	if _, err := io.WriteString(w, noise(3<<20, 99)); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []StatsMode{StatsRawData, StatsRestoreSize} {
		if _, err := s.Stats(t.Context(), StatsOptions{Mode: mode}); err != nil {
			t.Error(err)
		}
	}
	if err := s.Dump(t.Context(), DumpOptions{Snapshot: res.SnapshotID.String(), Path: "/late"}, io.Discard); err != nil {
		t.Error(err)
	}
}
