package restic

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// knownIDs is a set of IDs in about 30 bytes for each, where the engine's index takes
// 66. It is filled with add, from several goroutines, then sealed, and asked after that.
type knownIDs struct {
	shards [256 / idsTogether]idShard
}

// idsTogether is how many first bytes of IDs share a shard. Of fewer and larger shards
// less is lost where the allocator rounds up.
const idsTogether = 4

// idShard has the IDs with some first bytes. Once sealed, they are in the order of
// their first two bytes, which are not kept: those with the number n of bin end at
// ends[n].
type idShard struct {
	mu    sync.Mutex
	added []ID
	ids   [][30]byte
	ends  [idsTogether * 256]uint32
}

func (s *knownIDs) place(id *ID) (shard *idShard, bin int) {
	return &s.shards[id[0]/idsTogether], int(id[0]%idsTogether)<<8 | int(id[1])
}

func (s *knownIDs) add(list []ID) {
	for i := range list {
		shard, _ := s.place(&list[i])
		shard.mu.Lock()
		if len(shard.added) == cap(shard.added) {
			shard.added = slices.Grow(shard.added, len(shard.added)/4+16)
		}
		shard.added = append(shard.added, list[i])
		shard.mu.Unlock()
	}
}

// seal must be called after the last add and before has.
func (s *knownIDs) seal() {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.shards {
		group.Go(func() error {
			s.sealShard(&s.shards[i])
			return nil
		})
	}
	_ = group.Wait() // none fails
}

func (s *knownIDs) sealShard(shard *idShard) {
	var next [len(shard.ends)]uint32
	for i := range shard.added {
		_, bin := s.place(&shard.added[i])
		shard.ends[bin]++
	}
	sum := uint32(0)
	for bin, n := range shard.ends {
		next[bin] = sum
		sum += n
		shard.ends[bin] = sum
	}
	shard.ids = make([][30]byte, len(shard.added))
	for i := range shard.added {
		_, bin := s.place(&shard.added[i])
		shard.ids[next[bin]] = [30]byte(shard.added[i][2:])
		next[bin]++
	}
	shard.added = nil
}

func (s *knownIDs) has(id ID) bool {
	shard, bin := s.place(&id)
	begin := uint32(0)
	if bin > 0 {
		begin = shard.ends[bin-1]
	}
	first := binary.NativeEndian.Uint64(id[2:])
	for i := begin; i < shard.ends[bin]; i++ {
		if rest := &shard.ids[i]; binary.NativeEndian.Uint64(rest[:]) == first && *rest == [30]byte(id[2:]) {
			return true
		}
	}
	return false
}

func (s *knownIDs) len() (n int) {
	for i := range s.shards {
		n += len(s.shards[i].ids)
	}
	return n
}
