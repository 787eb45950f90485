package s3state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// SnapshotSize is what the trees of a snapshot add up to.
type SnapshotSize struct {
	Entries int64 `json:"entries"` // files, directories and all else
	Bytes   int64 `json:"bytes"`   // of the files
}

// Measure measures snapshots, by their trees, in a repository as of a moment. What it
// cannot measure is missing in the result. An error aborts the whole operation, but for
// ErrNotMeasured: then the result is what could be measured within a budget.
type Measure func(ctx context.Context, at *View, snapshots []string) (map[string]SnapshotSize, error)

// ErrNotMeasured: measuring snapshots takes more requests than allowed.
var ErrNotMeasured = errors.New("more requests are needed to measure snapshots")

// resave is a snapshot that was saved again with another tree, after which the original
// was removed: what `restic rewrite` and `repair snapshots` do, and an attacker with
// the password who wants less in it.
type resave struct {
	original, copied snapshotClaim
	gone             time.Time // when the original was removed
}

// mostMoments bounds at how many moments they are measured, and mostMomentsAll with
// ReadAll: each takes a listing of the bucket. Those of ten minutes have the same
// moment.
const mostMoments, mostMomentsAll = 32, 128

// resaves finds them, the newest first. A copy of a copy names the first original, so
// of those with the same tree the first is meant.
func (h *timeline) resaves() []resave {
	byKey := make(map[string]snapshotClaim)
	for _, c := range h.claims {
		byKey[c.key] = c
	}
	type result struct{ original, tree string }
	first := make(map[result]resave)
	for _, c := range h.claims {
		o, ok := byKey["snapshots/"+c.Original]
		gone, removed := h.gone.of(o.key)
		if c.Original == "" || !ok || !removed || o.Tree == "" || c.Tree == "" || o.Tree == c.Tree {
			continue
		}
		r := result{o.key, c.Tree}
		if f, ok := first[r]; !ok || c.written.Before(f.copied.written) {
			first[r] = resave{o, c, gone}
		}
	}
	all := make([]resave, 0, len(first))
	for _, r := range first {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b resave) int {
		return cmp.Or(b.copied.written.Compare(a.copied.written), cmp.Compare(a.copied.key, b.copied.key))
	})
	return all
}

// judgeResaves tells what the snapshots that were saved again lack. Sizes are measured
// where that is possible, since what a snapshot says of itself is a claim.
func (s *Store) judgeResaves(ctx context.Context, bucket string, h *timeline, all []resave, measure Measure, known *Known, every bool) error {
	measured := known.knownSizes()
	measured.begin()
	defer measured.end()
	sizes := make(map[string]SnapshotSize)
	var open []resave
	for _, r := range all {
		for _, c := range []*snapshotClaim{&r.original, &r.copied} {
			if size, ok := measured.get(c.name()); ok {
				sizes[c.key] = size
			}
		}
		if r.missing(sizes) && r.copied.written.After(h.reviewed) && measure != nil {
			open = append(open, r)
		}
	}
	spent, views := false, mostMoments
	if every {
		views = mostMomentsAll
	}
	for len(open) > 0 && !spent {
		n := 1
		for n < len(open) && open[n-1].copied.written.Sub(open[n].copied.written) < defaultGap {
			n++
		}
		err := s.measureResaves(ctx, bucket, open[:n], measure, sizes, &views)
		if spent = errors.Is(err, ErrNotMeasured); err != nil && !spent {
			return err
		}
		open = open[n:]
	}
	var lost []resave
	for _, r := range all {
		if !r.missing(sizes) && lostMost(sizes[r.original.key], sizes[r.copied.key]) && measure != nil {
			lost = append(lost, r)
		}
	}
	healed, err := s.healed(ctx, bucket, h, lost, measure, sizes, measured)
	if err != nil {
		return err
	}
	for _, r := range all {
		for _, c := range []*snapshotClaim{&r.original, &r.copied} {
			if size, ok := sizes[c.key]; ok {
				measured.put(c.name(), size)
			}
		}
		found, ok := r.judge(sizes)
		if later := healed[r.copied.key]; later != nil {
			found.heal(later)
		}
		if spent && r.missing(sizes) {
			// What it says of itself is no evidence.
			found.Reason, found.kind, ok = fmt.Sprintf("a snapshot takes the place of %s and was not measured: %v", shortID(r.original.key), ErrNotMeasured), markLasting, true
		}
		if ok {
			h.suspect(found)
		}
	}
	return nil
}

// measureResaves measures what is not known yet of resaves that were made together: as
// of a moment before the first original went, when most often all copies were there,
// too, else after the last copy was written, and at last when the originals were: what
// they need may have been spoiled since.
func (s *Store) measureResaves(ctx context.Context, bucket string, list []resave, measure Measure, sizes map[string]SnapshotSize, views *int) error {
	before, after := list[0].gone, endOf(list[0].copied.written)
	for _, r := range list[1:] {
		if r.gone.Before(before) {
			before = r.gone
		}
	}
	moments := []time.Time{before.Add(-time.Millisecond), after}
	for _, r := range list {
		moments = append(moments, endOf(r.original.written))
	}
	for i, at := range moments {
		if i >= 2 && has(sizes, list[i-2].original.key) {
			continue
		}
		var ids []string
		for _, r := range list {
			for _, key := range []string{r.original.key, r.copied.key} {
				if id := resticID(key); id != "" && !has(sizes, key) && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
		if len(ids) == 0 {
			return nil
		}
		if *views--; *views < 0 {
			return ErrNotMeasured
		}
		view, err := s.View(ctx, bucket, Moment{At: at}, ViewOptions{})
		if err != nil {
			return err
		}
		found, err := measure(ctx, view, ids)
		for id, size := range found {
			sizes["snapshots/"+id] = size
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func has(sizes map[string]SnapshotSize, key string) bool { _, ok := sizes[key]; return ok }

func (r *resave) missing(sizes map[string]SnapshotSize) bool {
	return !has(sizes, r.original.key) || !has(sizes, r.copied.key)
}

// judge compares the two. What lacks more than half of the files or of their bytes is a
// mark for a person: it may have been meant, which nobody can tell from the bucket.
// What lacks less is noted.
func (r *resave) judge(sizes map[string]SnapshotSize) (Suspicion, bool) {
	before, after, by := r.original.Size, r.copied.Size, ", as the two say"
	if !r.missing(sizes) {
		before, after, by = sizes[r.original.key], sizes[r.copied.key], ""
	}
	found := Suspicion{Time: r.copied.written, Key: r.copied.key, VersionID: r.copied.version, kind: markNoted}
	from := shortID(r.original.key)
	switch {
	case after.Entries < before.Entries || after.Bytes < before.Bytes:
		found.Reason = fmt.Sprintf("a snapshot takes the place of %s with less in it: %d of %s, %d of %s%s",
			from, after.Entries, plural.Of(before.Entries, "entry"), after.Bytes, plural.Of(before.Bytes, "byte"), by)
		if lostMost(before, after) {
			found.kind = markLasting
		}
	case by != "":
		found.Reason = fmt.Sprintf("a snapshot takes the place of %s with something else in it, and was not measured", from)
	default:
		return Suspicion{}, false
	}
	return found, true
}
