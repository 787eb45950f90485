package restic

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

func TestReaderAndCommand(t *testing.T) {
	s, m := initMemory(t)
	content := noise(1<<20, 3)
	dump := func(id ID, path string) string {
		target := t.TempDir()
		if _, err := s.Restore(t.Context(), RestoreOptions{Snapshot: id.String(), Target: target}); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(target, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	res, err := s.Backup(t.Context(), BackupOptions{Reader: strings.NewReader(content), ReaderName: "dumps/db.sql"})
	if err != nil {
		t.Fatal(err)
	}
	if dump(res.SnapshotID, "/dumps/db.sql") != content {
		t.Error("the reader's content differs")
	}
	res, err = s.Backup(t.Context(), BackupOptions{Command: []string{"sh", "-c", "echo hello; echo note >&2"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(res.SnapshotID, "/stdin"); got != "hello\n" {
		t.Errorf("%q", got)
	}
	before := len(m.names(t, engbackend.SnapshotFile))
	if _, err := s.Backup(t.Context(), BackupOptions{Command: []string{"sh", "-c", "echo half; exit 3"}}); err == nil || errors.Is(err, ErrIncomplete) {
		t.Error("a failed command:", err)
	}
	if len(m.names(t, engbackend.SnapshotFile)) != before {
		t.Error("a failed command left a snapshot")
	}
}

func TestBackupEvents(t *testing.T) {
	s, _ := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<20, 1), "sub/b": "y"})
	run := func() (actions map[string]ItemAction, last BackupStatus, scanned int) {
		actions = map[string]ItemAction{}
		finished := false
		_, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, Items: true, OnEvent: func(ev Event) {
			if finished {
				t.Error("an event after the end")
			}
			switch ev := ev.(type) {
			case BackupStatus:
				if ev.BytesDone < last.BytesDone {
					t.Error("progress went back")
				}
				last = ev
			case BackupItem:
				actions[filepath.Base(ev.Path)] = ev.Action
			case BackupScanned:
				scanned++
			}
		}})
		finished = true
		if err != nil {
			t.Fatal(err)
		}
		return actions, last, scanned
	}
	actions, last, scanned := run()
	if actions["a"] != ItemNew || actions["b"] != ItemNew || actions["sub"] != ItemNew {
		t.Error(actions)
	}
	if last.FilesDone != 2 || last.BytesDone != 1<<20+1 || scanned > 1 {
		t.Errorf("%+v", last)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "b"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	actions, _, _ = run()
	if actions["a"] != ItemUnchanged || actions["b"] != ItemChanged {
		t.Error(actions)
	}
}

// Packing can be changed from one backup to the next in the same session.
func TestCompressionPerBackup(t *testing.T) {
	s, m := initMemory(t)
	off, big := CompressionOff, uint(128<<20)
	first, err := s.Backup(t.Context(), BackupOptions{Paths: []string{writeTree(t, map[string]string{"a": strings.Repeat("compressible ", 100000)})}, Compression: &off, PackSize: &big})
	if err != nil {
		t.Fatal(err)
	}
	second := mustBackup(t, s, writeTree(t, map[string]string{"a": strings.Repeat("also compressible ", 100000)}))
	if first.DataAddedPacked < first.DataAdded*9/10 || second.DataAddedPacked > second.DataAdded/10 {
		t.Errorf("off: %d of %d, auto: %d of %d", first.DataAddedPacked, first.DataAdded, second.DataAddedPacked, second.DataAdded)
	}
	bad := uint(5)
	if _, err := s.Backup(t.Context(), BackupOptions{Paths: []string{t.TempDir()}, PackSize: &bad}); err == nil {
		t.Error("a pack size of 5 bytes was accepted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, m)
}

func TestSummaryJSON(t *testing.T) {
	s, _ := initMemory(t)
	res := mustBackup(t, s, writeTree(t, map[string]string{"a": "x"}))
	raw, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"files_new", "files_changed", "files_unmodified", "dirs_new", "dirs_changed", "dirs_unmodified", "data_blobs", "tree_blobs",
		"data_added", "data_added_packed", "total_files_processed", "total_bytes_processed", "total_duration", "backup_start", "backup_end", "snapshot_id"} {
		if _, ok := got[field]; !ok {
			t.Error(field, "is missing")
		}
	}
	if got["files_new"] != 1.0 || got["snapshot_id"] != res.SnapshotID.String() {
		t.Error(string(raw))
	}
}
