package restic

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is not needed can go: with just the needed objects the repository is whole, and
// without any one of them it is not.
func TestNeeds(t *testing.T) {
	s, loc := initLocal(t)
	dir := writeTree(t, sampleFiles())
	first := backupAt(t, s, time.Now().Add(-2*time.Hour), "one", nil, dir)
	gone := filepath.Join(dir, "gone")
	if err := os.WriteFile(gone, []byte(noise(300_000, 7)), 0o600); err != nil {
		t.Fatal(err)
	}
	second := backupAt(t, s, time.Now().Add(-time.Hour), "two", nil, dir)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(loc.String(), "snapshots", second.String())); err != nil {
		t.Fatal(err)
	}
	needs := func(o NeedsOptions) *Needed {
		t.Helper()
		n, proof, err := Needs(t.Context(), loc, testPassword, o, WithoutCache())
		if err != nil || proof.Verdict != Proved {
			t.Fatal(err)
		}
		return n
	}
	all, live := needs(NeedsOptions{}), needs(NeedsOptions{Live: true})
	one, none := needs(NeedsOptions{Snapshots: []ID{first}}), needs(NeedsOptions{Snapshots: []ID{}})
	if live.Len() >= all.Len() || one.Len() != live.Len() || none.Len() >= one.Len() {
		t.Errorf("all %d, live %d, the one %d, none %d", all.Len(), live.Len(), one.Len(), none.Len())
	}
	var there []string
	for _, kind := range []string{"config", "keys", "index", "snapshots", "data"} {
		for _, path := range objects(t, loc, kind) {
			rel, _ := filepath.Rel(loc.String(), path)
			there = append(there, filepath.ToSlash(rel))
		}
	}
	slices.Sort(there)
	if got := slices.Sorted(all.All()); !slices.Equal(got, there) {
		t.Errorf("needed:\n%s\nthere:\n%s", strings.Join(got, "\n"), strings.Join(there, "\n"))
	}
	unneeded := 0
	for _, key := range there {
		if live.Has(key) {
			continue
		}
		unneeded++
		if err := os.Remove(filepath.Join(loc.String(), filepath.FromSlash(key))); err != nil {
			t.Fatal(err)
		}
	}
	restored := t.TempDir()
	again := openAgain(t, loc, WithoutLock())
	if _, err := again.Restore(t.Context(), RestoreOptions{Snapshot: first.String(), Target: restored, Verify: true}); err != nil || unneeded == 0 {
		t.Errorf("with the needed objects alone (%d were not): %v", unneeded, err)
	}
	if got := all.Among(slices.Values([]string{"data/zz/none", there[1]})); !slices.Equal(got, there[1:2]) {
		t.Errorf("among: %v", got)
	}
}
