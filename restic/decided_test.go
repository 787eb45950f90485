package restic

import (
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// What an operation is going to do is told before it does it, and in a dry run too.
func TestToldBefore(t *testing.T) {
	s, m := initMemory(t)
	dir := writeTree(t, map[string]string{"a": noise(1<<16, 1)})
	var started []BackupStarted
	backup := func() ID {
		t.Helper()
		res, err := s.Backup(t.Context(), BackupOptions{Paths: []string{dir}, OnEvent: func(ev Event) {
			if ev, ok := ev.(BackupStarted); ok {
				started = append(started, ev)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		return res.SnapshotID
	}
	first, second := backup(), backup()
	if len(started) != 2 || !started[0].Parent.IsZero() || started[1].Parent != first {
		t.Errorf("%+v", started)
	}

	var restored []Snapshot
	_, err := s.Restore(t.Context(), RestoreOptions{Snapshot: "latest", Target: t.TempDir(), DryRun: true, OnEvent: func(ev Event) {
		if ev, ok := ev.(RestoreStarted); ok {
			restored = append(restored, ev.Snapshot)
		}
	}})
	if err != nil || len(restored) != 1 || restored[0].ID != second {
		t.Errorf("%+v, %v", restored, err)
	}

	for _, dry := range []bool{true, false} {
		decided, planned := 0, 0
		before := len(m.names(t, engbackend.PackFile))
		_, err := s.Forget(t.Context(), ForgetOptions{Policy: Policy{Last: 1}, DryRun: dry, Prune: &PruneOptions{MaxUnused: UnusedBytes(0)}, OnEvent: func(ev Event) {
			switch ev := ev.(type) {
			case ForgetDecided:
				decided++
				if ev.DryRun != dry || len(ev.Groups) != 1 || len(ev.Remove) != 1 || ev.Remove[0] != first {
					t.Errorf("%+v", ev)
				}
				if left := m.names(t, engbackend.SnapshotFile); len(left) != 2 {
					t.Error("removed before it was told:", left)
				}
			case PrunePlanned:
				planned++
				if ev.Plan.DryRun != dry || ev.Plan.TotalBytes() == 0 {
					t.Errorf("%+v", ev)
				}
				if left := len(m.names(t, engbackend.PackFile)); left != before {
					t.Errorf("of %d packs %d were left when it was told", before, left)
				}
			}
		}})
		if err != nil || decided != 1 || planned != 1 {
			t.Errorf("dry run %v: told %d and %d times, %v", dry, decided, planned, err)
		}
	}
}
