package s3state

import (
	"context"
	"hash/maphash"
)

// mostTwice bounds how many keys are remembered.
const mostTwice = 200_000

// twice remembers which keys were written more than once, also if they were deleted in
// between: what is current may be what an attacker has put over an object. It holds
// hashes of the keys: two keys with the same one cost a reading that was not needed.
type twice struct {
	keys map[uint64]struct{}
	seed maphash.Seed
	last string
}

// note takes the next entry of a listing.
func (t *twice) note(v *Version) {
	if v.DeleteMarker {
		return
	}
	if t.last == v.Key && len(t.keys) < mostTwice {
		if t.keys == nil {
			t.keys, t.seed = make(map[uint64]struct{}), maphash.MakeSeed()
		}
		t.keys[maphash.String(t.seed, v.Key)] = struct{}{}
	}
	t.last = v.Key
}

// written reports whether a key was written more than once. If there are too many to
// remember, all were.
func (t *twice) written(key string) bool {
	if len(t.keys) == 0 {
		return false // nor is there a seed
	}
	_, ok := t.keys[maphash.String(t.seed, key)]
	return ok || len(t.keys) >= mostTwice
}

// listTwice lists a bucket for it.
func (s *Store) listTwice(ctx context.Context, bucket string) (*twice, error) {
	t := &twice{}
	err := s.listVersions(ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			t.note(&entries[i])
		}
		return nil
	})
	return t, err
}
