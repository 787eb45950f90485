//go:build linux || darwin || freebsd

package fusemount

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/cesnet/rwm/restic"
)

const (
	// largestGap is what lies between two blobs that still are fetched with one request: fetching it costs less than another request.
	largestGap = 256 << 10
	// longestQueue bounds what is planned.
	longestQueue = 1024
)

// prefetch queues the loading of blobs that probably will be wanted, in this order. Those that lie close together in a pack share a
// request of up to runSize bytes.
func (l *loader) prefetch(handles []restic.BlobHandle, runSize uint, owner *sequence) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ahead) > longestQueue {
		return
	}
	var blobs []*blob
	order := make(map[*blob]int, len(handles))
	for i, h := range handles {
		if l.blobs[h] != nil {
			continue
		}
		if b := l.add(h); b.err == nil {
			order[b] = i
			blobs = append(blobs, b)
		}
	}
	jobs := cut(blobs, runSize)
	first := func(j *job) int {
		return order[slices.MinFunc(j.blobs, func(a, b *blob) int { return cmp.Compare(order[a], order[b]) })]
	}
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(first(a), first(b)) })
	for _, j := range jobs {
		j.owner = owner
		l.enqueue(j, false)
	}
	l.start()
}

// cut makes jobs of blobs that lie close together.
func cut(blobs []*blob, runSize uint) (jobs []*job) {
	slices.SortFunc(blobs, func(a, b *blob) int {
		return cmp.Or(bytes.Compare(a.place.Pack[:], b.place.Pack[:]), cmp.Compare(a.place.Offset, b.place.Offset))
	})
	var j *job
	for _, b := range blobs {
		if j != nil {
			offset, length := j.extent()
			end := offset + length
			if j.blobs[0].place.Pack == b.place.Pack && b.place.Offset >= end && b.place.Offset-end <= largestGap && b.place.Offset+b.place.Length-offset <= runSize {
				j.blobs = append(j.blobs, b)
				continue
			}
		}
		j = &job{typ: b.handle.Type, blobs: []*blob{b}}
		jobs = append(jobs, j)
	}
	return jobs
}
