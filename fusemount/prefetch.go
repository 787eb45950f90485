//go:build linux || darwin || freebsd

package fusemount

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/cesnet/rwm/restic"
)

const (
	// largestGap is the largest gap between two blobs of one request: reading it costs
	// less than another request.
	largestGap = 256 << 10
	// longestQueue bounds the prefetch queue.
	longestQueue = 1024
)

// prefetch queues the loading of blobs that will probably be wanted, in this order.
// Blobs that are close together in a pack share a request of up to runSize bytes.
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

// cut makes jobs of blobs that are close together.
func cut(blobs []*blob, runSize uint) (jobs []*job) {
	slices.SortFunc(blobs, func(a, b *blob) int {
		return cmp.Or(bytes.Compare(a.at.Pack[:], b.at.Pack[:]), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	var j *job
	for _, b := range blobs {
		if j != nil {
			offset, length := j.extent()
			end := offset + length
			if j.blobs[0].at.Pack == b.at.Pack && b.at.Offset >= end && b.at.Offset-end <= largestGap && b.at.Offset+b.at.Length-offset <= runSize {
				j.blobs = append(j.blobs, b)
				continue
			}
		}
		j = &job{typ: b.handle.Type, blobs: []*blob{b}}
		jobs = append(jobs, j)
	}
	return jobs
}
