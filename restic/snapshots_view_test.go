package restic

import (
	"sync/atomic"
	"testing"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// An operation that names snapshots by their IDs reads no others. A later backup of the
// session still finds its parent among all of them.
func TestNamedSnapshotsAreReadAlone(t *testing.T) {
	one, two := writeTree(t, map[string]string{"a": "b"}), writeTree(t, map[string]string{"c": "d"})
	for name, run := range map[string]func(s *Session, f SnapshotFilter) error{
		"snapshots": func(s *Session, f SnapshotFilter) error { _, err := s.Snapshots(t.Context(), f); return err },
		"groups": func(s *Session, f SnapshotFilter) error {
			_, err := s.SnapshotGroups(t.Context(), f, GroupByHost)
			return err
		},
		"stats": func(s *Session, f SnapshotFilter) error {
			_, err := s.Stats(t.Context(), StatsOptions{Filter: f})
			return err
		},
		"find": func(s *Session, f SnapshotFilter) error {
			return s.Find(t.Context(), FindOptions{Filter: f, Patterns: []string{"x"}}, func(Found) error { return nil })
		},
		"ls": func(s *Session, f SnapshotFilter) error {
			return s.Ls(t.Context(), LsOptions{Snapshot: f.IDs[0]}, LsVisitor{})
		},
		"rewrite": func(s *Session, f SnapshotFilter) error {
			_, err := s.Rewrite(t.Context(), RewriteOptions{Filter: f, DryRun: true, Patterns: Patterns{Excludes: []string{"x"}}})
			return err
		},
		"copy": func(s *Session, f SnapshotFilter) error {
			target, _ := initMemory(t)
			_, err := s.CopyTo(t.Context(), target, CopyOptions{Filter: f})
			return err
		},
		"tag": func(s *Session, f SnapshotFilter) error {
			_, err := s.Tag(t.Context(), TagOptions{Filter: f, Set: []string{"kept"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, m := initMemory(t)
			parent := mustBackup(t, first, one).SnapshotID
			named := mustBackup(t, first, two).SnapshotID
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			var loads atomic.Int32
			m.before(func(op string, h engbackend.Handle) error {
				if op == "load" && h.Type == engbackend.SnapshotFile {
					loads.Add(1)
					if h.Name == parent.String() {
						t.Error("another snapshot was read")
					}
				}
				return nil
			})
			s := openAgain(t, m)
			if err := run(s, SnapshotFilter{IDs: []string{named.String()[:16]}}); err != nil {
				t.Fatal(err)
			}
			if loads.Load() != 1 {
				t.Errorf("%d snapshots were read", loads.Load())
			}
			m.before(nil)
			if got := mustBackup(t, s, one).ParentID; got != parent {
				t.Errorf("the parent of a later backup is %v, not %v", got, parent)
			}
		})
	}
}
