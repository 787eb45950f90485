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
	order := make(map[*Blob]int, len(handles))
	for i, h := range handles {
		if l.blobs[h] != nil {
			continue
		}
		if b := l.add(h); b.Err == nil {
			order[b] = i
			blobs = append(blobs, b)
		}
	}
	jobs := cut(blobs, runSize)
	first := func(j *job) int {
		return order[slices.MinFunc(j.blobs, func(a, b *Blob) int { return cmp.Compare(order[a], order[b]) })]
	}
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(first(a), first(b)) })
	for _, j := range jobs {
		j.owner = owner
		l.enqueue(j, false)
	}
	l.start()
}

// cut makes jobs of blobs that are close together.
func cut(blobs []*Blob, runSize uint) (jobs []*job) {
	slices.SortFunc(blobs, func(a, b *Blob) int {
		return cmp.Or(bytes.Compare(a.Place.Pack[:], b.Place.Pack[:]), cmp.Compare(a.Place.Offset, b.Place.Offset))
	})
	var j *job
	for _, b := range blobs {
		if j != nil {
			offset, length := j.extent()
			end := offset + length
			if j.blobs[0].Place.Pack == b.Place.Pack && b.Place.Offset >= end && b.Place.Offset-end <= LargestGap && b.Place.Offset+b.Place.Length-offset <= runSize {
				j.blobs = append(j.blobs, b)
				continue
			}
		}
		j = &job{blobs: []*Blob{b}}
		jobs = append(jobs, j)
	}
	return jobs
}
