package restic

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestBackupLocal(t *testing.T) {
	s, loc := initLocal(t)
	dir := writeTree(t, map[string]string{"a": "hello", "sub/b": "world"})
	first, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if first.FilesNew != 2 || first.SnapshotID.IsZero() {
		t.Fatalf("%+v", first)
	}
	second, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if second.FilesUnmodified != 2 || second.ParentID != first.SnapshotID {
		t.Fatalf("%+v", second)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(loc.String(), "locks", "*")); len(left) > 0 {
		t.Fatal("locks left:", left)
	}
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}}); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), loc, testPassword, WithoutCache())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snapshots, err := s.Snapshots(t.Context(), SnapshotFilter{})
	if err != nil || len(snapshots) != 2 {
		t.Fatal(snapshots, err)
	}
}
