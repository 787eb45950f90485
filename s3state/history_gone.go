package s3state

import (
	"hash/maphash"
	"time"
)

// snapshotsGone remembers which snapshots were deleted, and when they were for the last
// time. It remembers all, at some 40 bytes each: were there a most, an attacker who
// wrote and deleted that many would hide which ones he replaced.
type snapshotsGone struct {
	at   map[uint64]int64 // by hashes of the keys
	seed maphash.Seed
}

// note takes the deletions of a key, the last one first.
func (g *snapshotsGone) note(key string, at time.Time) {
	if g.at == nil {
		g.at, g.seed = make(map[uint64]int64), maphash.MakeSeed()
	}
	if h := maphash.String(g.seed, key); g.at[h] == 0 {
		g.at[h] = at.UnixNano()
	}
}

func (g *snapshotsGone) of(key string) (at time.Time, ok bool) {
	if g.at == nil {
		return at, false
	}
	n, ok := g.at[maphash.String(g.seed, key)]
	if ok {
		at = time.Unix(0, n)
	}
	return at, ok
}
