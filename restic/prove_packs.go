package restic

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// readPacks compares packs with what the index says of them: suspected ones are read
// whole, and of the others the header if that is asked for.
func (p *proof) readPacks(ctx context.Context) error {
	type job struct {
		info  *packInfo
		whole bool
		tag   uint64
	}
	var jobs []job
	tags := p.tagKey.tagger()
	for i := range p.packs.list {
		info := &p.packs.list[i]
		if !info.there {
			continue
		}
		whole := p.store.suspect(packHandleOf(info.id))
		if !whole && !p.o.PackHeaders {
			continue
		}
		version, lasting := p.versionOf(packHandleOf(info.id))
		tag := tags.mix(tags.mix(tags.tag((*[32]byte)(&info.id)), info.sum), tags.tag(&version))
		if !whole && lasting && p.o.Ledger.knows(p.tagKey, tag) {
			continue
		}
		jobs = append(jobs, job{info, whole, tag})
	}
	bar := p.rep.counter("packs")
	defer bar.Done()
	bar.SetMax(uint64(len(jobs)))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(int(p.session.opts.connections))
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer bar.Add(1)
			err := p.readPack(ctx, j.info, j.whole)
			if err == nil {
				p.o.Ledger.add(p.tagKey, j.tag)
				p.store.renewed(j.info)
				return nil
			}
			if ctx.Err() != nil || !p.lost(err) {
				return err
			}
			p.broken(BrokenObject{Kind: PackDamaged, Pack: j.info.id, Object: p.keyFor(packHandleOf(j.info.id)), Reason: oneLine(err)})
			return nil
		})
	}
	err := group.Wait()
	p.res.PacksRead = len(jobs)
	return err
}

// versionOf returns a hash of the version of an object that is looked at, zero where
// there are none. What was proved of one version says nothing about another one, which
// an attacker may have put over it long ago, so that nothing else of it is left. lasting
// is false for what can be overwritten in place.
func (p *proof) versionOf(h engbackend.Handle) (hash [sha256.Size]byte, lasting bool) {
	past, ok := p.loc.(*asOfLocation)
	if !ok {
		return hash, true
	}
	o, ok := past.objects.Get(p.keyFor(h))
	return sha256.Sum256([]byte(o.VersionID)), ok && o.VersionID != "" && o.VersionID != "null"
}

// freshen throws away the copy in the cache that may be one of another version of an
// object than the one that is looked at: what the storage has is to be read. right
// notes that it is what its name stands for.
func (p *proof) freshen(h engbackend.Handle, id ID) (right func()) {
	if _, past := p.loc.(*asOfLocation); !past {
		return func() {}
	}
	version, lasting := p.versionOf(h)
	tags := p.tagKey.tagger()
	tag := tags.mix(tags.mix(tags.tag((*[32]byte)(&id)), uint64(h.Type)), tags.tag(&version))
	if lasting && p.o.Ledger.knows(p.tagKey, tag) {
		return func() {}
	}
	if p.store.dir != "" {
		p.store.drop(h)
	}
	return func() { p.o.Ledger.add(p.tagKey, tag) }
}

// readPack compares the header of a pack with the index. Read whole, its content must
// also be the one that its name stands for.
func (p *proof) readPack(ctx context.Context, info *packInfo, whole bool) error {
	if info.header > maxPackEntries*headerEntryLong {
		return fmt.Errorf("%w: its header has %d bytes", ErrDamaged, info.header)
	}
	done, err := p.store.hold(ctx, int64(info.header))
	if err != nil {
		return err
	}
	defer done()
	header := make([]byte, info.header)
	h := packHandleOf(info.id)
	offset, length := int64(info.body), int(info.header)
	if whole {
		offset, length = 0, 0
	}
	err = p.store.direct.Load(ctx, h, length, offset, func(rd io.Reader) error {
		if !whole {
			_, err := io.ReadFull(rd, header)
			return tooShortIs(err)
		}
		sum := sha256.New()
		rd = io.TeeReader(rd, sum)
		if _, err := io.CopyN(io.Discard, rd, int64(info.body)); err != nil {
			return tooShortIs(err)
		}
		if _, err := io.ReadFull(rd, header); err != nil {
			return tooShortIs(err)
		}
		if n, err := io.Copy(io.Discard, rd); n > 0 || err != nil {
			return errors.Join(err, fmt.Errorf("%w: it is longer than it is listed", ErrDamaged))
		}
		if ID(sum.Sum(nil)) != info.id {
			return fmt.Errorf("%w: its content is not the one its name stands for", ErrDamaged)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sum, err := sumHeader(p.key, p.tagKey.tagger(), header)
	if err == nil && sum != info.sum {
		err = errors.New("its header does not list the blobs that the index says it has")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func tooShortIs(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is shorter than it is listed", ErrDamaged)
	}
	return err
}

// sumHeader opens the header of a pack, trailer included, and sums the tags of what it
// lists, as addPack does with the index.
func sumHeader(key *engcrypto.Key, tags *tagger, header []byte) (sum uint64, err error) {
	sealed := len(header) - packTrailer
	if sealed < minStored || int(binary.LittleEndian.Uint32(header[sealed:])) != sealed {
		return 0, errors.New("its header has not the length that the index implies")
	}
	text, err := openSealed(key, header[:sealed])
	if err != nil {
		return 0, err
	}
	var offset uint64
	for len(text) > 0 {
		var b indexBlob
		size := headerEntry
		if text[0] > 3 {
			return 0, fmt.Errorf("its header has a blob of the unknown type %d", text[0])
		}
		compressed := text[0]&2 != 0
		b.tree = text[0]&1 != 0
		if compressed {
			size = headerEntryLong
		}
		if len(text) < size {
			return 0, errors.New("its header is cut off")
		}
		length := binary.LittleEndian.Uint32(text[1:])
		if compressed {
			b.plain = binary.LittleEndian.Uint32(text[5:])
		}
		copy(b.id[:], text[size-len(b.id):size])
		b.offset, b.length = uint32(offset), length
		offset += uint64(length)
		sum += tags.entry(tags.tag((*[32]byte)(&b.id)), &b)
		text = text[size:]
	}
	return sum, nil
}

// treePacks are the packs with trees, which the cache keeps.
func (p *proof) treePacks() engrestic.IDSet {
	set := engrestic.NewIDSet()
	for i := range p.packs.list {
		if p.packs.list[i].trees {
			set.Insert(engrestic.ID(p.packs.list[i].id))
		}
	}
	return set
}

// treeHandle is packHandleOf for the cache, which keeps packs of trees.
func treeHandle(id ID) engbackend.Handle {
	h := packHandleOf(id)
	h.IsMetadata = true
	return h
}
