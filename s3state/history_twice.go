package s3state

import (
	"cmp"
	"context"
	"hash/maphash"
)

// mostTwice bounds how many keys are remembered one by one. A Bloom filter of mostBits
// has the others: what it names wrongly is read, and it leaves out none. A host can
// write tiny objects twice by the hundred thousand; were then all taken for written
// twice, every pack of the repository would be read.
const (
	mostTwice = 200_000
	mostBits  = 1 << 27 // 16 MiB; of ten million keys, it names one in 200 wrongly
	bitsOfKey = 4
)

// twice remembers which of restic's objects were written more than once, also if they
// were deleted in between: what is current may be what an attacker has put over an
// object. It holds hashes of the keys: two keys with the same one cost a reading that
// was not needed.
type twice struct {
	keys map[uint64]struct{}
	more []uint64 // the filter, nil if it is not needed
	seed maphash.Seed
	last string
	most int // remembered one by one; 0 for mostTwice
}

// note takes the next entry of a listing.
func (t *twice) note(v *Version) {
	if v.DeleteMarker {
		return
	}
	if t.last == v.Key && inRepository(v.Key) {
		t.add(v.Key)
	}
	t.last = v.Key
}

func (t *twice) add(key string) {
	if t.keys == nil {
		t.keys, t.seed = make(map[uint64]struct{}), maphash.MakeSeed()
	}
	hash := maphash.String(t.seed, key)
	if len(t.keys) < cmp.Or(t.most, mostTwice) {
		t.keys[hash] = struct{}{}
		return
	}
	if t.more == nil {
		t.more = make([]uint64, mostBits/64)
	}
	for n := range uint64(bitsOfKey) {
		bit := bitOf(hash, n)
		t.more[bit/64] |= 1 << (bit % 64)
	}
}

func bitOf(hash, n uint64) uint64 { return (hash + n*(hash>>32|1)) % mostBits }

// written reports whether a key was written more than once.
func (t *twice) written(key string) bool {
	if len(t.keys) == 0 {
		return false // nor is there a seed
	}
	hash := maphash.String(t.seed, key)
	if _, ok := t.keys[hash]; ok || t.more == nil {
		return ok
	}
	for n := range uint64(bitsOfKey) {
		if bit := bitOf(hash, n); t.more[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
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
