package s3state

import (
	"context"
	"fmt"
	"sync"
)

// A state is a claim: a small object may name millions of objects that do not exist. No
// honest one names more than the bucket holds, so that bounds what is kept of it.

// freeRoom is how many bytes of a state are kept without asking.
const freeRoom = 8 << 20

// listed is what the last whole listing of a bucket gave.
type listed struct {
	mu   sync.Mutex
	size map[string]int64 // in bytes of a spool, by bucket
}

func (l *listed) set(bucket string, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size == nil {
		l.size = make(map[string]int64)
	}
	l.size[bucket] = size
}

func (l *listed) get(bucket string) (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size, ok := l.size[bucket]
	return size, ok
}

// roomFor refuses a state that would take more room than the bucket's listing does. The
// bucket may have grown since it was listed, so it is listed again first.
func (s *Store) roomFor(ctx context.Context, bucket string, size int64) error {
	if most, ok := s.listed.get(bucket); ok && size <= most+freeRoom {
		return nil
	}
	if err := s.listVersions(ctx, bucket, "", nil, func([]Version) error { return nil }); err != nil {
		return err
	}
	if most, _ := s.listed.get(bucket); size > most+freeRoom {
		return fmt.Errorf("%w: it names more objects than there are versions in the bucket", ErrBadState)
	}
	return nil
}
