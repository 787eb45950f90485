package restic

import (
	"encoding/json"
	"fmt"
	"math"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// indexBlob is what an index says about a blob.
type indexBlob struct {
	id                    ID
	tree                  bool
	offset, length, plain uint32
}

// maxPackEntries bounds how many blobs one pack may have. restic's packs have at most
// about ten thousand.
const maxPackEntries = 1 << 22

// readIndex calls fn for every pack of an index with what it says about its blobs. The
// slice is used again for the next pack.
//
// What restic writes is read by a parser of our own; anything else is left to
// encoding/json, which is what the engine reads it with.
func readIndex(plain []byte, fn func(pack ID, blobs []indexBlob) error) error {
	if err := scanIndex(plain, func(ID, []indexBlob) error { return nil }); err == errOddIndex {
		return readIndexSlowly(plain, fn)
	} else if err != nil {
		return err
	}
	return scanIndex(plain, fn)
}

// checkIndexNumbers refuses an index on whose numbers the engine would panic or
// allocate gigabytes.
func checkIndexNumbers(plain []byte) error {
	return readIndex(plain, func(ID, []indexBlob) error { return nil })
}

// maxOddIndex bounds what is left to encoding/json, which may take many times as much
// memory as the text is long. An index of restic's own has at most some MiB.
const maxOddIndex = 16 << 20

var errOddIndex = fmt.Errorf("%w: unusual index", ErrDamaged)

// check says what no blob of restic's can be.
func (b *indexBlob) check(pack ID, offset, length, plain uint64) error {
	limit := uint64(maxPlainData)
	if b.tree {
		limit = maxPlainTree
	}
	switch {
	case offset > math.MaxUint32 || length > math.MaxUint32 || offset+length > math.MaxUint32:
		return fmt.Errorf("blob %s is said to be beyond 4 GiB of pack %s", b.id.Short(), pack.Short())
	case length < minStored:
		return fmt.Errorf("blob %s is said to have %d bytes in pack %s, at least %d are needed", b.id.Short(), length, pack.Short(), minStored)
	case plain > limit || plain == 0 && length > limit+minStored:
		return fmt.Errorf("blob %s is said to unpack to %d bytes, at most %d are allowed", b.id.Short(), max(plain, length), limit)
	}
	b.offset, b.length, b.plain = uint32(offset), uint32(length), uint32(plain)
	return nil
}

// scanIndex reads an index as restic writes it; the error is errOddIndex for any other.
func scanIndex(plain []byte, fn func(pack ID, blobs []indexBlob) error) error {
	p := treeParser{raw: plain}
	if !p.token('{') || !p.supersedes() || !p.key("packs") || !p.token('[') {
		return errOddIndex
	}
	var blobs []indexBlob
	for first := true; !p.token(']'); first = false {
		var pack ID
		if !first && !p.token(',') || !p.token('{') || !p.key("id") || !p.id(&pack) ||
			!p.token(',') || !p.key("blobs") || !p.token('[') {
			return errOddIndex
		}
		blobs = blobs[:0]
		for !p.token(']') {
			if len(blobs) > 0 && !p.token(',') {
				return errOddIndex
			}
			b, err := p.indexBlob(pack)
			if err != nil {
				return err
			}
			if len(blobs) == maxPackEntries {
				return fmt.Errorf("pack %s is said to have more than %d blobs", pack.Short(), maxPackEntries)
			}
			blobs = append(blobs, b)
		}
		if !p.token('}') {
			return errOddIndex
		}
		if err := fn(pack, blobs); err != nil {
			return err
		}
	}
	if !p.token('}') {
		return errOddIndex
	}
	if p.space(); p.pos != len(p.raw) {
		return errOddIndex
	}
	return nil
}

// key steps over the name of a field and its colon.
func (p *treeParser) key(name string) bool {
	p.space()
	end := p.pos + 1 + len(name)
	if end >= len(p.raw) || p.raw[p.pos] != '"' || string(p.raw[p.pos+1:end]) != name || p.raw[end] != '"' {
		return false
	}
	p.pos = end + 1
	return p.token(':')
}

// supersedes steps over what old versions of restic wrote first.
func (p *treeParser) supersedes() bool {
	start := p.pos
	if !p.key("supersedes") {
		p.pos = start
		return true
	}
	_, ok := p.ids()
	return ok && p.token(',')
}

// indexBlob reads one blob. The order of the fields is restic's.
func (p *treeParser) indexBlob(pack ID) (b indexBlob, err error) {
	var offset, length, plain uint64
	if !p.token('{') || !p.key("id") || !p.id(&b.id) || !p.token(',') || !p.key("type") {
		return b, errOddIndex
	}
	kind, ok := p.plain()
	switch {
	case ok && string(kind) == "tree":
		b.tree = true
	case !ok || string(kind) != "data":
		return b, errOddIndex
	}
	if !p.token(',') || !p.key("offset") {
		return b, errOddIndex
	}
	if offset, ok = p.number(math.MaxUint64); !ok || !p.token(',') || !p.key("length") {
		return b, errOddIndex
	}
	if length, ok = p.number(math.MaxUint64); !ok {
		return b, errOddIndex
	}
	if p.token(',') {
		if !p.key("uncompressed_length") {
			return b, errOddIndex
		}
		if plain, ok = p.number(math.MaxUint64); !ok {
			return b, errOddIndex
		}
	}
	if !p.token('}') {
		return b, errOddIndex
	}
	return b, b.check(pack, offset, length, plain)
}

// readIndexSlowly reads an index as the engine does.
func readIndexSlowly(plain []byte, fn func(pack ID, blobs []indexBlob) error) error {
	var index struct {
		Packs []struct {
			ID    engrestic.ID `json:"id"`
			Blobs []struct {
				ID     engrestic.ID       `json:"id"`
				Type   engrestic.BlobType `json:"type"`
				Offset uint64             `json:"offset"`
				Length uint64             `json:"length"`
				Plain  uint64             `json:"uncompressed_length"`
			} `json:"blobs"`
		} `json:"packs"`
	}
	if len(plain) > maxOddIndex {
		return fmt.Errorf("it is no index of restic's: %w", errOddIndex)
	}
	if err := json.Unmarshal(plain, &index); err != nil {
		return fmt.Errorf("it is no index: %w", err)
	}
	for _, pack := range index.Packs {
		if len(pack.Blobs) > maxPackEntries {
			return fmt.Errorf("pack %s is said to have more than %d blobs", pack.ID.Str(), maxPackEntries)
		}
		blobs := make([]indexBlob, len(pack.Blobs))
		for i, in := range pack.Blobs {
			b := &blobs[i]
			b.id, b.tree = ID(in.ID), in.Type == engrestic.TreeBlob
			if in.Type != engrestic.TreeBlob && in.Type != engrestic.DataBlob {
				return fmt.Errorf("blob %s in pack %s has no type", in.ID.Str(), pack.ID.Str())
			}
			if err := b.check(ID(pack.ID), in.Offset, in.Length, in.Plain); err != nil {
				return err
			}
		}
		if err := fn(ID(pack.ID), blobs); err != nil {
			return err
		}
	}
	return nil
}
