package blobload

import (
	"bytes"
	"cmp"
	"slices"
)

const (
	// LargestGap is the largest gap between two blobs of one request: reading it costs
	// less than another request.
	LargestGap = 256 << 10
	// longestQueue bounds the prefetch queue.
	longestQueue = 1024
)

// Prefetch queues the loading of blobs that will probably be wanted, in this order.
// Blobs that are close together in a pack share a request of up to runSize bytes.
func (l *Loader) Prefetch(handles []Handle, runSize uint, owner any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ahead) > longestQueue {
		return
	}
	var blobs []*Blob
	for _, h := range handles {
		if l.blobs[h] != nil {
			continue
		}
		if b := l.add(h); b.Err == nil {
			blobs = append(blobs, b)
		}
	}
	for _, run := range Runs(blobs, func(b *Blob) Place { return b.Place }, runSize) {
		l.enqueue(&job{blobs: run, owner: owner}, false)
	}
	l.start()
}

// Runs puts blobs together that one request of up to runSize bytes can load: they lie
// close together in one pack. The engine fills several packs at the same time, so that
// the blobs of a file are spread over these. A blob without a place, which has no
// length, is a run of its own. Each run is in the order of its pack; a run with an
// earlier blob comes first.
func Runs[B any](blobs []B, place func(B) Place, runSize uint) [][]B {
	type placed struct {
		blob  B
		at    Place
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
			if begin >= last.end && begin-last.end <= LargestGap && end-last.begin <= runSize {
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
