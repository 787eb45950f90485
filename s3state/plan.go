package s3state

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// planned is an object that a state says was current.
type planned struct {
	Key, VersionID, ETag string
	Size                 int64
	Modified             time.Time
}

// plan is the list of objects a state names, in the order of keys. It is kept
// in a spool, for it is gone through several times and can be long.
type plan struct {
	header StateHeader
	spool  spool
	count  int64 // objects
	bytes  int64
	// dropped are keys of saved states that exist no more; see verifier.missing.
	dropped map[string]bool
}

// readPlan reads a state wholly and checks it as far as it can be by itself.
func readPlan(sr *StateReader) (*plan, error) {
	p := &plan{}
	sorted, last := true, ""
	for {
		v, err := sr.Next()
		if err == io.EOF {
			break
		}
		if err == nil && !v.DeleteMarker && v.IsLatest {
			if v.Key == last {
				err = twoLatest(v.Key)
			} else {
				sorted = sorted && v.Key > last
				last = v.Key
				err = p.add(planOfVersion(&v))
			}
		}
		if err != nil {
			p.close()
			return nil, err
		}
	}
	p.header = sr.Header()
	if !sorted {
		if err := p.sort(); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func twoLatest(key string) error {
	return fmt.Errorf("%w: it names two latest versions of key %q", ErrBadState, clip(key))
}

func (p *plan) add(o planned) error {
	var buf []byte
	for _, s := range []string{o.Key, o.VersionID, o.ETag} {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = binary.AppendUvarint(buf, uint64(o.Size))
	buf = binary.AppendVarint(buf, o.Modified.UnixMicro())
	p.count++
	p.bytes += o.Size
	return p.spool.write(buf)
}

// drop takes objects out of the plan.
func (p *plan) drop(gone []planned) {
	if p.dropped == nil && len(gone) > 0 {
		p.dropped = make(map[string]bool, len(gone))
	}
	for _, o := range gone {
		p.dropped[o.Key] = true
		p.count--
		p.bytes -= o.Size
	}
}

func planOfVersion(v *Version) planned {
	return planned{v.Key, v.VersionID, v.ETag, v.Size, v.LastModified}
}

// maxUnsorted is how large the list of a state in no order may be, in bytes. RWM and
// the original write states in the order of the listing.
const maxUnsorted = 32 << 20

func (p *plan) sort() error {
	if p.spool.size > maxUnsorted {
		return fmt.Errorf("%w: its %d objects are in no order", ErrBadState, p.count)
	}
	all := make([]planned, 0, p.count)
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
	slices.SortFunc(all, func(a, b planned) int { return strings.Compare(a.Key, b.Key) })
	p.close()
	p.count, p.bytes = 0, 0
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

func (p *plan) close() { p.spool.close() }

func (p *plan) reader() (*planReader, error) {
	r, err := p.spool.reader()
	if err != nil {
		return nil, err
	}
	return &planReader{r: bufio.NewReaderSize(r, 64<<10), skip: p.dropped}, nil
}

type planReader struct {
	r *bufio.Reader
	// head is the object peek returned.
	head *planned
	err  error
	skip map[string]bool
}

// peek returns the next object without taking it, nil at the end.
func (r *planReader) peek() (*planned, error) {
	if r.head == nil && r.err == nil {
		o, err := r.next()
		if err != nil {
			r.err = err
		} else {
			r.head = &o
		}
	}
	if r.head == nil && !errors.Is(r.err, io.EOF) {
		return nil, r.err
	}
	return r.head, nil
}

func (r *planReader) next() (planned, error) {
	if r.head != nil {
		o := *r.head
		r.head = nil
		return o, nil
	}
	for {
		o, err := r.read()
		if err != nil || !r.skip[o.Key] {
			return o, err
		}
	}
}

func (r *planReader) read() (planned, error) {
	var o planned
	for i, field := range []*string{&o.Key, &o.VersionID, &o.ETag} {
		n, err := binary.ReadUvarint(r.r)
		if err != nil {
			if i > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return planned{}, err
		}
		buf := make([]byte, n)
		if _, err := io.ReadFull(r.r, buf); err != nil {
			return planned{}, err
		}
		*field = string(buf)
	}
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return planned{}, err
	}
	o.Size = int64(n)
	at, err := binary.ReadVarint(r.r)
	if err != nil {
		return planned{}, err
	}
	o.Modified = time.UnixMicro(at).UTC()
	return o, nil
}

// markerSpool keeps keys and version ids for later.
type markerSpool struct{ plan plan }

func (m *markerSpool) add(key, version string) error {
	return m.plan.add(planned{Key: key, VersionID: version})
}

func (m *markerSpool) each(fn func(key, version string) error) error {
	r, err := m.plan.reader()
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
		if err := fn(o.Key, o.VersionID); err != nil {
			return err
		}
	}
}

func (m *markerSpool) close() { m.plan.close() }
