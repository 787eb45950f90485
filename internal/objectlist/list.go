// Package objectlist holds the objects of a bucket as it was at a moment. Repositories
// have millions of objects, and proofs and drills hold all of them: as separate
// strings, keys, versions and ETags would take several times the memory of their
// content.
package objectlist

import (
	"encoding/binary"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"
)

// Object is a version that was current.
type Object struct {
	Key, VersionID, ETag string
	Size                 int64
	Modified             time.Time // to the microsecond
}

const (
	// chunkSize is allocated at once. Chunks never grow, which would copy them.
	chunkSize = 256 << 10
	// blockLen is how many entries follow one that is written in full.
	blockLen = 16
)

// List holds objects in the order of keys, in some 90 bytes each for packs of restic.
// Of each key only the difference from the one before is stored, hex digits take half a
// byte, characters of version IDs three quarters. The zero value is empty. A List is
// safe for concurrent use once the last object has been added.
type List struct {
	chunks [][]byte
	blocks []position // where an entry is written in full
	count  int
	last   string // key that was added last
}

// position is where a block begins; it ends with its chunk or where the next begins.
type position struct{ chunk, offset uint32 }

// Of makes a list of objects that come in any order. If several have one key, the last
// counts.
func Of(objects iter.Seq[Object]) *List {
	l := &List{}
	var mixed []Object // everything, once something came out of order
	for o := range objects {
		if mixed == nil && l.Add(o) {
			continue
		}
		if mixed == nil {
			mixed = slices.AppendSeq(make([]Object, 0, 2*l.count+1), l.All(""))
			l = &List{}
		}
		mixed = append(mixed, o)
	}
	slices.SortStableFunc(mixed, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	for i, o := range mixed {
		if i+1 == len(mixed) || mixed[i+1].Key != o.Key {
			l.Add(o)
		}
	}
	return l
}

// Add adds an object. It returns false, and adds nothing, unless the key is greater
// than all keys in the list.
func (l *List) Add(o Object) bool {
	if l.count > 0 && o.Key <= l.last {
		return false
	}
	var buf [512]byte
	entry := l.encode(buf[:0], &o, l.count%blockLen == 0)
	n := len(l.chunks)
	if n == 0 || len(l.chunks[n-1])+len(entry) > cap(l.chunks[n-1]) {
		// A block does not cross the end of a chunk.
		if l.count%blockLen != 0 {
			entry = l.encode(entry[:0], &o, true)
		}
		l.chunks = append(l.chunks, make([]byte, 0, max(chunkSize, len(entry))))
		l.blocks = append(l.blocks, position{uint32(n), 0})
		n++
	} else if l.count%blockLen == 0 {
		l.blocks = append(l.blocks, position{uint32(n - 1), uint32(len(l.chunks[n-1]))})
	}
	l.chunks[n-1] = append(l.chunks[n-1], entry...)
	l.count, l.last = l.count+1, o.Key
	return true
}

// encode appends an entry: the length of the prefix shared with the key before it, the
// rest of the key, and the other fields.
func (l *List) encode(to []byte, o *Object, full bool) []byte {
	shared := 0
	if !full {
		for shared < min(len(l.last), len(o.Key)) && l.last[shared] == o.Key[shared] {
			shared++
		}
	}
	to = binary.AppendUvarint(to, uint64(shared))
	for _, text := range []string{o.Key[shared:], o.VersionID, o.ETag} {
		to = appendText(to, text)
	}
	to = binary.AppendVarint(to, o.Size)
	return binary.AppendVarint(to, o.Modified.UnixMicro())
}

// Len returns the number of objects.
func (l *List) Len() int { return l.count }

// Get finds an object by its key.
func (l *List) Get(key string) (Object, bool) {
	for o := range l.from(key) {
		return o, o.Key == key
	}
	return Object{}, false
}

// All iterates over the objects whose keys begin with prefix, in order.
func (l *List) All(prefix string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for o := range l.from(prefix) {
			if !strings.HasPrefix(o.Key, prefix) || !yield(o) {
				return
			}
		}
	}
}

// from iterates over the objects whose keys are not less than key.
func (l *List) from(key string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		// the first block that begins after key; key is in the one before, if anywhere
		i := sort.Search(len(l.blocks), func(i int) bool {
			r := l.reader(l.blocks[i])
			r.next()
			return string(r.key) > key
		})
		if i > 0 {
			i--
		}
		if i == len(l.blocks) {
			return
		}
		r := l.reader(l.blocks[i])
		for r.next() {
			if string(r.key) >= key && !yield(r.object()) {
				return
			}
		}
	}
}

func (l *List) reader(at position) reader {
	return reader{chunks: l.chunks[at.chunk:], rest: l.chunks[at.chunk][at.offset:]}
}

// reader goes through entries. Version, ETag, size and time are decoded when they are
// asked for.
type reader struct {
	chunks [][]byte
	rest   []byte
	key    []byte

	version, etag  text
	size, modified int64
}

func (r *reader) next() bool {
	if len(r.rest) == 0 {
		if len(r.chunks) < 2 {
			return false
		}
		r.chunks = r.chunks[1:]
		r.rest = r.chunks[0]
	}
	shared := r.number()
	suffix := r.text()
	r.key = suffix.appendTo(r.key[:shared])
	r.version, r.etag = r.text(), r.text()
	r.size, r.modified = r.signed(), r.signed()
	return true
}

func (r *reader) object() Object {
	return Object{string(r.key), r.version.String(), r.etag.String(), r.size, time.UnixMicro(r.modified).UTC()}
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() text {
	n := r.number()
	t := text{form: byte(n & 3), length: int(n >> 2)}
	size := packedSize(t.form, t.length)
	t.packed, r.rest = r.rest[:size], r.rest[size:]
	return t
}
