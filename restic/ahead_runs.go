package restic

import (
	"bytes"
	"cmp"
	"slices"
)

const (
	// runSize is how much is loaded with one request, and runGap how much of a pack is
	// loaded unneeded to save a request.
	runSize = 8 << 20
	runGap  = 256 << 10
)

// packRuns groups blobs that one request can load, because they lie close together in
// one pack. The engine fills several packs at the same time, so the blobs of a file are
// spread over them. A blob without a place is a run of its own. Each run is in the
// order of its pack; runs are ordered by their earliest blob.
func packRuns[B any](blobs []B, place func(B) BlobLocation) [][]B {
	type placed struct {
		blob  B
		at    BlobLocation
		order int
	}
	all := make([]placed, len(blobs))
	for i, b := range blobs {
		all[i] = placed{b, place(b), i}
	}
	slices.SortStableFunc(all, func(a, c placed) int {
		return cmp.Or(bytes.Compare(a.at.Pack[:], c.at.Pack[:]), cmp.Compare(a.at.Offset, c.at.Offset))
	})
	type run struct {
		blobs      []B
		begin, end uint
		order      int
	}
	var runs []run
	for i, b := range all {
		begin, end := b.at.Offset, b.at.Offset+b.at.Length
		if i > 0 && b.at.Length > 0 && b.at.Pack == all[i-1].at.Pack {
			last := &runs[len(runs)-1]
			if begin >= last.end && begin-last.end <= runGap && end-last.begin <= runSize {
				last.blobs, last.end, last.order = append(last.blobs, b.blob), end, min(last.order, b.order)
				continue
			}
		}
		runs = append(runs, run{[]B{b.blob}, begin, end, b.order})
	}
	slices.SortFunc(runs, func(a, c run) int { return cmp.Compare(a.order, c.order) })
	out := make([][]B, len(runs))
	for i, r := range runs {
		out[i] = r.blobs
	}
	return out
}
