package s3state

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Snapshots that took the place of others and could not be measured within the budget
// are marked, whatever they say of themselves; of the rest it is known what they have.
func TestSnapshotsThatWereNotMeasured(t *testing.T) {
	w := newWorld(t)
	w.put("config", "the config")
	h := newTimeline(w.bucket)
	base := time.Now().Truncate(time.Millisecond)
	at := func(s int) time.Time { return base.Add(time.Duration(s) * time.Second) }
	h.first = base
	const day = 24 * 3600
	same := SnapshotSize{Entries: 10, Bytes: 1000} // as they all say
	var copies []string
	for i := range mostMoments + 2 {
		o, c := fmt.Sprintf("snapshots/%064x", i), fmt.Sprintf("snapshots/%064x", 1000+i)
		h.gone.note(o, at(i*day+20))
		h.claims = append(h.claims,
			snapshotClaim{SnapshotClaim{Tree: "1", Size: same}, o, "v", at(i*day + 1)},
			snapshotClaim{SnapshotClaim{Tree: "2", Size: same, Original: o[len("snapshots/"):]}, c, "v", at(i*day + 10)})
		copies = append(copies, c)
	}
	for _, c := range []struct {
		every    bool
		measured int // requests are enough for so many
		marked   int
	}{{false, 1000, 2}, {true, 1000, 0}, {true, 7, mostMoments + 2 - 7}} {
		left := c.measured
		h.found = suspicions{}
		err := w.admin.judgeResaves(t.Context(), w.bucket, h, h.resaves(), func(_ context.Context, _ *View, ids []string) (map[string]SnapshotSize, error) {
			found := make(map[string]SnapshotSize)
			for _, id := range ids {
				found[id] = same
			}
			if left--; left < 0 {
				return nil, fmt.Errorf("%w: so it is", ErrNotMeasured)
			}
			return found, nil
		}, nil, c.every)
		if err != nil {
			t.Fatal(err)
		}
		h.sum()
		if h.res.Total != c.marked {
			t.Errorf("%+v: %d marks", c, h.res.Total)
		}
		for i, s := range h.res.Suspicions {
			if s.Key != copies[i] || !strings.Contains(s.Reason, "was not measured") || !s.Time.Equal(at(i*day+10)) {
				t.Errorf("%+v", s)
			}
		}
	}
}
