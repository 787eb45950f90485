package s3state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// However many keys an attacker writes and deletes, and snapshots with false times: a
// history ends. (Each compared with each other, these would take minutes.)
func TestManyOfEachAreJudged(t *testing.T) {
	h := newTimeline("b")
	begun := at(0)
	h.take([]Version{{Key: "config", VersionID: "1", Size: 155, ETag: "c", IsLatest: true, LastModified: begun}})
	n := harness.SizeRaced(5_000, 50_000, 150_000)
	for i := range n {
		key := fmt.Sprintf("keys/%064x", i)
		written := begun.Add(time.Duration(i) * time.Second)
		h.take([]Version{
			{Key: key, VersionID: "2", DeleteMarker: true, IsLatest: true, LastModified: written.Add(time.Hour)},
			{Key: key, VersionID: "1", Size: 400, ETag: "k", LastModified: written},
		})
	}
	h.end(defaultGap)
	if len(h.keysGone) != n {
		t.Errorf("%d keys", len(h.keysGone))
	}
	for i := range 2 * n {
		c := snapshotClaim{SnapshotClaim{Group: "g", Tree: fmt.Sprint(i)}, fmt.Sprintf("snapshots/%064x", i), "v", begun.Add(time.Duration(i) * time.Second)}
		if c.Time = c.written; i%2 == 1 { // right after the one before, too late
			c.Time = c.written.Add(-time.Hour - time.Millisecond)
		}
		h.claims = append(h.claims, c)
	}
	for i := 0; i < 2*n; i += 2 {
		h.gone.note(h.claims[i].key, begun.Add(time.Duration(2*n)*time.Second))
	}
	if found := len(h.dated()); found < n-3601 {
		t.Errorf("%d snapshots are marked", found)
	}
}

// What displaces genuine snapshots is found as by comparing each with all others.
func TestDisplacedSnapshots(t *testing.T) {
	seed := harness.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	marks := 0
	for range 3000 {
		h := newTimeline("b")
		for i := range 2 + r.IntN(9) {
			c := snapshotClaim{SnapshotClaim{Group: "g", Tree: fmt.Sprint(i)}, fmt.Sprintf("snapshots/%064x", i), "v", at(3600 * r.IntN(12))}
			c.Time = c.written.Add(-time.Duration(r.IntN(3)) * time.Hour)
			if r.IntN(4) == 0 && i > 0 {
				of := h.claims[r.IntN(i)]
				if c.Original = resticID(of.key); r.IntN(3) > 0 {
					c.Time = of.Time
				}
			}
			h.claims = append(h.claims, c)
			if r.IntN(2) == 0 {
				h.gone.note(c.key, c.written.Add(time.Duration(r.IntN(12))*time.Hour))
			}
		}
		var found []string
		for _, s := range h.dated() {
			found = append(found, s.Key)
		}
		want := eachWithEach(h)
		slices.Sort(found)
		slices.Sort(want)
		if !slices.Equal(found, want) {
			t.Fatalf("%v, not %v: %+v", found, want, h.claims)
		}
		marks += len(found)
	}
	if marks < 100 {
		t.Errorf("only %d marks", marks)
	}
}

// eachWithEach is dated without any short cut.
func eachWithEach(h *timeline) (found []string) {
	group := slices.Clone(h.claims)
	slices.SortFunc(group, func(a, b snapshotClaim) int {
		if c := a.written.Compare(b.written); c != 0 {
			return c
		}
		return compareKeys(a, b)
	})
	times, odd := make(map[string]time.Time), make(map[string]bool)
	var newest time.Time
	for _, c := range group {
		times[c.key] = c.Time
		future := c.Time.Sub(c.written) > ahead
		odd[c.key] = future || newest.Sub(c.Time) > behind
		if !future && c.Time.After(newest) {
			newest = c.Time
		}
	}
	misdated := make([]bool, len(group))
	for i, c := range group {
		original, known := times["snapshots/"+c.Original]
		misdated[i] = odd[c.key] && !(known && original.Equal(c.Time) && !odd["snapshots/"+c.Original])
	}
	for i, liar := range group {
		var victim *snapshotClaim
		for j := range group {
			c := &group[j]
			gone, ok := h.gone.of(c.key)
			if misdated[j] || c.written.After(liar.written) || c.Time.After(liar.Time) || ok && gone.Before(liar.written) {
				continue
			}
			if victim == nil || c.Time.After(victim.Time) {
				victim = c
			}
		}
		if !misdated[i] || victim == nil {
			continue
		}
		gone, ok := h.gone.of(victim.key)
		if end, also := h.gone.of(liar.key); also && !end.After(gone) {
			ok = false
		}
		for _, c := range group {
			if c.Original != "" && c.Time.Equal(victim.Time) && c.written.After(victim.written) &&
				("snapshots/"+c.Original == victim.key || c.Original == victim.Original) {
				ok = false
			}
		}
		if ok {
			found = append(found, liar.key)
		}
	}
	return found
}

func compareKeys(a, b snapshotClaim) int {
	if a.key < b.key {
		return -1
	}
	return 1
}

// However many objects a host writes twice, those that it wrote once are not taken for
// them, and none of the others is forgotten.
func TestManyWrittenTwice(t *testing.T) {
	var seen twice
	name := func(i int) string { return fmt.Sprintf("snapshots/%064x", i) }
	most := harness.SizeRaced(20_000, mostTwice, mostTwice)
	seen.most = most
	n := most * 7 / 4
	for i := range n {
		seen.note(&Version{Key: name(i)})
		if i%3 > 0 {
			seen.note(&Version{Key: name(i)})
		}
	}
	wrong := 0
	for i := range n {
		switch is := seen.written(name(i)); {
		case i%3 > 0 && !is:
			t.Fatalf("%d is forgotten", i)
		case i%3 == 0 && is:
			wrong++
		}
	}
	if wrong > n/300 {
		t.Errorf("%d of %d that were written once", wrong, n/3)
	}
	for range 2 * n { // objects that are none of restic's
		seen.note(&Version{Key: "x"})
	}
	if len(seen.keys) > most {
		t.Errorf("%d keys", len(seen.keys))
	}
}
