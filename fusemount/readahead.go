//go:build linux || darwin || freebsd

package fusemount

import (
	"sync"
	"time"

	"github.com/cesnet/rwm/restic"
)

const (
	largestWindow  = 64 << 20 // how far ahead of a sequential reader to prefetch
	smallestWindow = 8 << 20  // the minimum with many such readers
	firstWindow    = 4 << 20  // at the beginning of a file, when it is unknown how it will be read
	smallestRun    = 2 << 20  // bytes of one request
	largestRun     = 8 << 20
)

// sequence follows how a file is read, to prefetch what comes next.
type sequence struct {
	last    int    // blob that was read last, plus one; 0: none yet
	run     uint64 // bytes read in order
	planned int    // blobs up to here are being prefetched
}

// readAhead prefetches what a sequential reader will want next. The current read covers
// the blobs first to last, and the bytes from to to of the file. The caller holds f.mu.
func (f *file) readAhead(first, last int, from, to uint64) {
	s := &f.seq
	switch {
	case len(f.ends) == 1:
		return
	case from == 0 && s.last != 1:
		*s = sequence{last: last + 1, planned: last + 1}
	case s.last > 0 && (first+1 == s.last || first == s.last):
		// the kernel reads ahead too, so the bytes inside a blob may be requested in
		// any order
		if last+1 > s.last {
			s.run += f.ends[last] - f.ends[s.last-1]
			s.last = last + 1
		}
	case first+1 < s.last && first+3 >= s.last:
		return // a request of the kernel that arrived late
	default:
		*s = sequence{last: last + 1, planned: last + 1}
		f.m.loader.Forget(s)
		return
	}
	window := 8 * s.run
	if s.last == 1 {
		window = max(window, firstWindow)
	}
	if s.planned < s.last {
		s.planned = s.last
	}
	window = min(window, f.m.sequences.share(s, f.m.loader.Budget()))
	run := uint64(min(max(window/uint64(f.m.loader.Connections()), smallestRun), largestRun))

	// prefetch whole runs only, unless the file ends
	limit := to + window
	end := s.planned
	for end < len(f.ends) && f.ends[end] <= limit {
		end++
	}
	ready := f.ends[max(s.planned, 1)-1]
	if end <= s.planned || (end < len(f.ends) && f.ends[end-1]-ready < run) {
		return
	}
	handles := make([]restic.BlobHandle, 0, end-s.planned)
	for _, id := range f.node.Content[s.planned:end] {
		handles = append(handles, restic.BlobHandle{Type: restic.BlobData, ID: id})
	}
	s.planned = end
	f.m.loader.prefetch(handles, uint(run), s)
}

// sequences counts the files that are being read sequentially, which share the memory
// for prefetching.
type sequences struct {
	mu     sync.Mutex
	active map[*sequence]time.Time
}

// share returns how far ahead a sequence may prefetch.
func (s *sequences) share(q *sequence, budget int64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.active == nil {
		s.active = make(map[*sequence]time.Time)
	}
	s.active[q] = now
	for other, at := range s.active {
		if now.Sub(at) > 2*time.Second {
			delete(s.active, other)
		}
	}
	whole := min(uint64(budget)/2, largestWindow)
	return max(whole/uint64(len(s.active)), min(smallestWindow, whole))
}
