package restic

import (
	"errors"
	"testing"
)

// What each snapshot has is what Stats counts of it alone, and a budget bounds what
// that may ask for.
func TestStatsOfEachSnapshot(t *testing.T) {
	loc := wholeRepository(t)
	s := openAgain(t, loc, WithoutLock())
	var each []SnapshotStats
	all, err := s.Stats(t.Context(), StatsOptions{OnSnapshot: func(found SnapshotStats) { each = append(each, found) }})
	if err != nil || len(each) != all.SnapshotsCount || len(each) < 2 {
		t.Fatalf("%v %+v", err, each)
	}
	var entries, bytes uint64
	for _, found := range each {
		alone, err := s.Stats(t.Context(), StatsOptions{Filter: SnapshotFilter{IDs: []string{found.ID.String()}}})
		if err != nil || alone.TotalFileCount != found.Entries || alone.TotalSize != found.Bytes {
			t.Errorf("%v %+v, alone %+v", err, found, alone)
		}
		entries, bytes = entries+found.Entries, bytes+found.Bytes
	}
	if entries != all.TotalFileCount || bytes != all.TotalSize || entries == 0 {
		t.Errorf("%d, %d of %+v", entries, bytes, all)
	}
	budget := NewBudget(8)
	for range 2 { // sessions share it
		s, err := Open(t.Context(), loc, testPassword, WithoutLock(), WithoutCache(), WithBudget(budget))
		if err == nil {
			_, err = s.Stats(t.Context(), StatsOptions{})
			_ = s.Close()
		}
		if !errors.Is(err, ErrBudget) {
			t.Error(err)
		}
	}
	if _, err := openAgain(t, loc, WithoutLock(), WithoutCache(), WithBudget(NewBudget(0))).Stats(t.Context(), StatsOptions{}); err != nil {
		t.Error(err)
	}
}
