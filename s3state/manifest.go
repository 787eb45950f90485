package s3state

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// entry is an object that a state says was current.
type entry struct {
	Key, VersionID, ETag string
	Size                 int64
	Modified             time.Time
}

// manifest is the list of objects a state names, in the order of keys. It is kept in a
// spool because it can be long and is read several times.
type manifest struct {
	header StateHeader
	spool  spool
	count  int64 // objects
	last   string
	mixed  bool // the entries are not in the order of keys
	bytes  int64
	// contradiction is where the state contradicts itself; nil if nowhere.
	contradiction *Difference
	// dropped are keys of saved states that no longer exist; see verifier.missing.
	dropped map[string]bool
}

// spoolSize is about what an entry takes in a spool.
func spoolSize(key, version, etag string) int64 { return int64(len(key)+len(version)+len(etag)) + 24 }

func (p *manifest) add(o entry) error {
	var buf []byte
	for _, s := range []string{o.Key, o.VersionID, o.ETag} {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = binary.AppendUvarint(buf, uint64(o.Size))
	buf = binary.AppendVarint(buf, o.Modified.UnixMicro())
	p.mixed = p.mixed || o.Key < p.last
	p.last = o.Key
	p.count++
	p.bytes += o.Size
	return p.spool.write(buf)
}

// drop removes objects from the manifest.
func (p *manifest) drop(gone []entry) {
	if p.dropped == nil && len(gone) > 0 {
		p.dropped = make(map[string]bool, len(gone))
	}
	for _, o := range gone {
		p.dropped[o.Key] = true
		p.count--
		p.bytes -= o.Size
	}
}

func entryFrom(v *Version) entry {
	return entry{v.Key, v.VersionID, v.ETag, v.Size, v.LastModified}
}

// maxUnsorted bounds the manifest of an unsorted state, in bytes: it is sorted in
// memory. RWM writes states sorted, and so did the Python RWM.
const maxUnsorted = 32 << 20

func (p *manifest) sorted() bool { return !p.mixed }

func (p *manifest) sort() error {
	if p.spool.size > maxUnsorted {
		return fmt.Errorf("%w: its %d objects are not sorted", ErrBadState, p.count)
	}
	all := make([]entry, 0, p.count)
	r, err := p.reader()
	if err != nil {
		return err
	}
	for {
		o, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Key, b.Key) })
	p.close()
	p.count, p.bytes, p.last, p.mixed = 0, 0, "", false
	for i, o := range all {
		if i > 0 && o.Key == all[i-1].Key {
			return twoLatest(o.Key)
		}
		if err := p.add(o); err != nil {
			return err
		}
	}
	return nil
}

func (p *manifest) close() { p.spool.close() }

func (p *manifest) reader() (*manifestReader, error) {
	r, err := p.spool.reader()
	if err != nil {
		return nil, err
	}
	return &manifestReader{r: bufio.NewReaderSize(r, 64<<10), skip: p.dropped}, nil
}

func (p *manifest) each(fn func(entry) error) error {
	r, err := p.reader()
	if err != nil {
		return err
	}
	for {
		o, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
}
