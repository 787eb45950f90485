//go:build linux || darwin || freebsd

package fusemount

import (
	"sync"
	"time"

	"github.com/cesnet/rwm/restic"
)

const (
	largestWindow  = 64 << 20 // how far ahead of a sequential reader is loaded
	smallestWindow = 8 << 20  // the least when there are many of them
	firstWindow    = 4 << 20  // at the begin of a file, when it is not known yet how it will be read
	smallestRun    = 2 << 20  // what is fetched with one request
	largestRun     = 8 << 20
)

// sequence follows how a file is read, so that what comes next is loaded ahead.
type sequence struct {
	last    int    // blob that was read last, plus one; 0: none yet
	run     uint64 // bytes read in order
	planned int    // blobs up to here are on their way
}

// readAhead loads what a reader who reads in order will want next. Blobs first to last are being read, the bytes from to to of the file. The
// caller holds f.mu.
func (f *file) readAhead(first, last int, from, to uint64) {
	s := &f.seq
	switch {
	case len(f.ends) == 1:
		return
	case from == 0 && s.last != 1:
		*s = sequence{last: last + 1, planned: last + 1}
	case s.last > 0 && (first+1 == s.last || first == s.last):
		// the kernel asks ahead too, so the bytes inside a blob may come in any order
		if last+1 > s.last {
			s.run += f.ends[last] - f.ends[s.last-1]
			s.last = last + 1
		}
	case first+1 < s.last && first+3 >= s.last:
		return // one of the kernel's requests that was overtaken
	default:
		*s = sequence{last: last + 1, planned: last + 1}
		f.m.loader.forget(s)
		return
	}
	window := 8 * s.run
	if s.last == 1 {
		window = max(window, firstWindow)
	}
	if s.planned < s.last {
		s.planned = s.last
	}
	window = min(window, f.m.sequences.share(s, f.m.loader.budget))
	run := uint64(min(max(window/uint64(f.m.loader.conns), smallestRun), largestRun))

	// plan whole runs only, unless the file ends
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

// sequences knows how many files are being read in order, among which the memory for reading ahead is shared.
type sequences struct {
	mu     sync.Mutex
	active map[*sequence]time.Time
}

// share returns how far ahead a sequence may load.
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
