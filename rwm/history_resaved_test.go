package rwm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// A rewrite that leaves something out is no attack. It is noted with what the snapshot
// had before and has now; of one that leaves out more than half of it a person has to
// say that it was meant.
func TestHistoryOfRewrites(t *testing.T) {
	w := newWorld(t).policed()
	for _, name := range []string{"files/a.txt", "files/b.txt", "files/c.txt"} {
		w.write(name, strings.Repeat("0123456789", 100))
	}
	w.write("files/secret.txt", strings.Repeat("0123456789", 50))
	w.run()
	rewrite := func(exclude string) {
		t.Helper()
		w.pass()
		s, err := w.manager().OpenRepository(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		res, err := s.Rewrite(t.Context(), restic.RewriteOptions{Patterns: restic.Patterns{Excludes: []string{exclude}}, Forget: true})
		if err != nil || len(res.Changed) != 1 {
			t.Fatalf("%+v %v", res, err)
		}
		if _, err := s.Prune(t.Context(), restic.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("secret.txt")
	for range 2 { // the second one knows what the first one has measured
		h := w.history(w.admin())
		w.newest(h)
		if h.TotalNotes != 1 || h.Notes[0].Standing != s3state.Noted || !strings.Contains(h.Notes[0].Reason, "with less in it: ") {
			t.Errorf("%v", h.Notes)
		}
	}
	if err := w.drop(w.admin()); err != nil {
		t.Error(err)
	}
	last := w.lastWrite("")
	rewrite("new.txt") // which has most of the bytes
	h := w.history(w.admin())
	w.before(h, last.Add(time.Second))
	if h.Total != 1 || !strings.Contains(h.Suspicions[0].Reason, "with less in it: ") {
		t.Errorf("%v", h.Suspicions)
	}
	if err := w.drop(w.admin()); !errors.Is(err, s3state.ErrUnconfirmed) {
		t.Errorf("dropping: %v", err)
	}
}

// A rewrite that gives a snapshot another time leaves what was in it, so the one that
// it replaces was not displaced.
func TestHistoryOfAnotherTime(t *testing.T) {
	w := newWorld(t).policed()
	s, err := w.manager().OpenRepository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for day := range 3 {
		w.AdvanceClock(t, 24*time.Hour)
		w.write("files/new.txt", strings.Join(noise(50), " "))
		at := time.Now().AddDate(0, 0, day+1)
		if _, err := s.Backup(t.Context(), restic.BackupOptions{Paths: []string{w.files}, Time: at}); err != nil {
			t.Fatal(err)
		}
	}
	list := w.snapshots()
	second := list[1]
	w.pass()
	res, err := s.Rewrite(t.Context(), restic.RewriteOptions{
		Filter: restic.SnapshotFilter{IDs: []string{second.ID.String()}}, NewTime: second.Time.Add(time.Hour), Forget: true,
	})
	if err != nil || len(res.Changed) != 1 {
		t.Fatalf("%+v %v", res, err)
	}
	w.pass()
	h := w.history(w.admin())
	w.newest(h)
	if h.Total != 0 {
		t.Errorf("%v", h.Suspicions)
	}
}
