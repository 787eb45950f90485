package restic

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"
	"sync"
)

// tagger makes 8 bytes of an ID: its MAC under a random key that never leaves this
// machine. A proof keeps tags for IDs, for it may have to keep millions. Who does not
// know the key cannot find two IDs with one tag (as he could with a part of the ID,
// which he chooses), and chance does not either: for ten million IDs it is one in 10⁵
// that any two share one.
//
// It is not safe for concurrent use; each goroutine has its own.
type tagger struct {
	block cipher.Block
	buf   [aes.BlockSize]byte
}

type tagKey [16]byte

func newTagKey() (k tagKey) {
	_, _ = rand.Read(k[:]) // it does not fail
	return k
}

func (k tagKey) tagger() *tagger {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // the key has a right length
	}
	return &tagger{block: block}
}

// tag is a CBC-MAC of an ID, all of which have one length.
func (t *tagger) tag(id *[sha256.Size]byte) uint64 {
	copy(t.buf[:], id[:aes.BlockSize])
	t.block.Encrypt(t.buf[:], t.buf[:])
	for i := range t.buf {
		t.buf[i] ^= id[aes.BlockSize+i]
	}
	t.block.Encrypt(t.buf[:], t.buf[:])
	return binary.LittleEndian.Uint64(t.buf[:])
}

// mix makes a tag of two numbers.
func (t *tagger) mix(a, b uint64) uint64 {
	binary.LittleEndian.PutUint64(t.buf[:], a)
	binary.LittleEndian.PutUint64(t.buf[8:], b)
	t.block.Encrypt(t.buf[:], t.buf[:])
	return binary.LittleEndian.Uint64(t.buf[:])
}

// entry makes a tag of what an index says about a blob.
func (t *tagger) entry(id uint64, b *indexBlob) uint64 {
	kind := uint64(b.plain) << 1
	if b.tree {
		kind |= 1
	}
	return t.mix(t.mix(id, uint64(b.offset)<<32|uint64(b.length)), kind)
}

// dataTable knows in which pack a data blob is, in 12 bytes for each.
type dataTable struct {
	shards [256]struct {
		mu    sync.Mutex
		blobs []dataBlob
	}
}

type dataBlob struct{ high, low, pack uint32 }

func (b dataBlob) tag() uint64 { return uint64(b.high)<<32 | uint64(b.low) }

func (t *dataTable) add(tag uint64, pack uint32) {
	s := &t.shards[tag>>56]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blobs) == cap(s.blobs) {
		s.blobs = slices.Grow(s.blobs, len(s.blobs)/4+64)
	}
	s.blobs = append(s.blobs, dataBlob{uint32(tag >> 32), uint32(tag), pack})
}

// sort must be called before find, and after the last add.
func (t *dataTable) sort() {
	for i := range t.shards {
		slices.SortFunc(t.shards[i].blobs, func(a, b dataBlob) int {
			return cmp.Or(cmp.Compare(a.tag(), b.tag()), cmp.Compare(a.pack, b.pack))
		})
	}
}

// find returns the packs that have a blob.
func (t *dataTable) find(tag uint64) []dataBlob {
	blobs := t.shards[tag>>56].blobs
	i := sort.Search(len(blobs), func(i int) bool { return blobs[i].tag() >= tag })
	j := i
	for j < len(blobs) && blobs[j].tag() == tag {
		j++
	}
	return blobs[i:j]
}

func (t *dataTable) len() (n int) {
	for i := range t.shards {
		n += len(t.shards[i].blobs)
	}
	return n
}

// treeBlob is a place of a tree.
type treeBlob struct {
	tag                         uint64
	pack, offset, length, plain uint32
}

// treeTable knows where trees are. The number of a tree is that of its first place.
type treeTable struct {
	mu     sync.Mutex
	places []treeBlob
}

func (t *treeTable) add(b treeBlob) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places = append(t.places, b)
}

func (t *treeTable) sort() {
	slices.SortFunc(t.places, func(a, b treeBlob) int {
		return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset))
	})
}

// find returns the number of a tree.
func (t *treeTable) find(tag uint64) (number uint32, ok bool) {
	i := sort.Search(len(t.places), func(i int) bool { return t.places[i].tag >= tag })
	return uint32(i), i < len(t.places) && t.places[i].tag == tag
}
