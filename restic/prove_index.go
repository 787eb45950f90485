package restic

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	packTrailer     = 4  // the length of the header, in bytes
	headerEntry     = 37 // type, length and ID of a blob
	headerEntryLong = 41 // the same with the length when unpacked
)

// proofNames are the names that were listed.
type proofNames struct{ snapshots, indexes engrestic.IDSet }

// packTable knows the packs that the indexes name.
type packTable struct {
	mu     sync.Mutex
	number map[ID]uint32
	list   []packInfo
}

type packInfo struct {
	id     ID
	body   uint64 // bytes of its blobs
	header uint64 // bytes of its header, the trailer included
	sum    uint64 // of the tags of what the index says about its blobs
	trees  bool   // it has some
	there  bool   // listed with the right size
}

func (i *packInfo) size() int64 { return int64(i.body + i.header) }

func packHandleOf(id ID) engbackend.Handle {
	return engbackend.Handle{Type: engbackend.PackFile, Name: id.String()}
}

type listedObject struct {
	id   ID
	size int64
}

// listed is what a listing says of an object; ok is false if its name is no ID.
func listed(fi engbackend.FileInfo) (o listedObject, ok bool) {
	id, err := ParseID(fi.Name)
	return listedObject{id, fi.Size}, err == nil && id.String() == fi.Name
}

// each lists the objects of a type and runs fn on all of them, several at a time.
func (p *proof) each(ctx context.Context, t engbackend.FileType, task string, fn func(ctx context.Context, h engbackend.Handle, o listedObject) error) (engrestic.IDSet, error) {
	names := engrestic.NewIDSet()
	var list []listedObject
	err := p.session.stack.List(ctx, t, func(fi engbackend.FileInfo) error {
		if o, ok := listed(fi); ok {
			list = append(list, o)
			names.Insert(engrestic.ID(o.id))
		}
		return nil
	})
	if err != nil && !p.session.stack.IsNotExist(err) {
		return nil, err
	}
	if _, past := p.loc.(*asOfLocation); t == engbackend.IndexFile && !past {
		// What these indexes name is listed from now on, so there is no need to wait
		// until they are read.
		p.listing = make(chan error, 1)
		go func(ctx context.Context) { p.listing <- p.listPacks(ctx) }(ctx)
	}
	bar := p.rep.counter(task)
	defer bar.Done()
	bar.SetMax(uint64(len(list)))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(int(p.session.opts.connections))
	for _, o := range list {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer bar.Add(1)
			return fn(ctx, engbackend.Handle{Type: t, Name: o.id.String()}, o)
		})
	}
	return names, group.Wait()
}

// unseal reads an object and gives what is sealed in it. A finding is made of what says
// something about the object; ok is false then.
func (p *proof) unseal(ctx context.Context, h engbackend.Handle, o listedObject, b BrokenObject) (plain []byte, ok bool, err error) {
	b.Object = p.keyFor(h)
	right := p.freshen(h, o.id)
	raw, err := p.store.whole(ctx, h, o.size)
	if err == nil {
		right()
		if plain, err = p.session.stack.unpack.unseal(p.key, h.Type, raw); err == nil {
			return plain, true, nil
		}
	} else if ctx.Err() != nil || !p.lost(err) {
		return nil, false, err
	}
	b.Reason = oneLine(err)
	p.broken(b)
	return nil, false, nil
}

func (p *proof) readSnapshots(ctx context.Context) (err error) {
	var mu sync.Mutex
	p.names.snapshots, err = p.each(ctx, engbackend.SnapshotFile, "snapshots", func(ctx context.Context, h engbackend.Handle, o listedObject) error {
		done, err := p.store.hold(ctx, 4*o.size)
		if err != nil {
			return err
		}
		defer done()
		b := BrokenObject{Kind: SnapshotUnreadable, Snapshot: o.id}
		plain, ok, err := p.unseal(ctx, h, o, b)
		if !ok {
			return err
		}
		var sn engdata.Snapshot
		err = json.Unmarshal(plain, &sn)
		if err == nil && (sn.Tree == nil || sn.Tree.IsNull()) {
			err = fmt.Errorf("it names no tree")
		}
		if err != nil {
			b.Object, b.Reason = p.keyFor(h), oneLine(err)
			p.broken(b)
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		p.snapshots = append(p.snapshots, snapshotRoot{o.id, ID(*sn.Tree)})
		return nil
	})
	p.res.Snapshots = len(p.names.snapshots)
	return err
}

func (p *proof) readIndexes(ctx context.Context) (err error) {
	p.packs.number = map[ID]uint32{}
	before := p.res.BrokenTotal
	p.names.indexes, err = p.each(ctx, engbackend.IndexFile, "indexes", func(ctx context.Context, h engbackend.Handle, o listedObject) error {
		done, err := p.store.hold(ctx, 4*o.size)
		if err != nil {
			return err
		}
		defer done()
		b := BrokenObject{Kind: IndexUnreadable, Index: o.id}
		plain, ok, err := p.unseal(ctx, h, o, b)
		if !ok {
			return err
		}
		tags := p.tagKey.tagger()
		err = readIndex(plain, func(pack ID, blobs []indexBlob) error {
			p.addPack(tags, o.id, pack, blobs)
			return nil
		})
		if err != nil {
			b.Object, b.Reason = p.keyFor(h), oneLine(err)
			p.broken(b)
		}
		return nil
	})
	p.res.Indexes = len(p.names.indexes)
	if err != nil {
		return err
	}
	if p.res.BrokenTotal > before {
		return &damagedError{p.loc.String(), "index/", "not all indexes can be read"}
	}
	p.data.sort()
	p.trees.sort()
	p.res.Packs, p.res.Blobs = len(p.packs.list), p.data.len()+len(p.trees.places)
	return nil
}

// addPack takes in what an index says about a pack.
func (p *proof) addPack(tags *tagger, index, pack ID, blobs []indexBlob) {
	info := packInfo{id: pack, header: packTrailer + minStored}
	ids := make([]uint64, len(blobs))
	for i := range blobs {
		b := &blobs[i]
		ids[i] = tags.tag((*[32]byte)(&b.id))
		info.sum += tags.entry(ids[i], b)
		info.body += uint64(b.length)
		info.header += headerEntry
		if b.plain != 0 {
			info.header += headerEntryLong - headerEntry
		}
		info.trees = info.trees || b.tree
	}
	n, known := p.packs.add(info)
	if known != nil {
		if known.sum != info.sum || known.size() != info.size() {
			p.broken(BrokenObject{Kind: IndexInconsistent, Pack: pack, Index: index, Object: p.keyFor(packHandleOf(pack))})
		}
		return // the same in two indexes
	}
	for i, b := range blobs {
		if b.tree {
			p.trees.add(treeBlob{ids[i], n, b.offset, b.length, b.plain})
		} else {
			p.data.add(ids[i], n)
		}
	}
}

// add returns the pack's number, and what is known of it already.
func (t *packTable) add(info packInfo) (uint32, *packInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.number[info.id]; ok {
		known := t.list[n]
		return n, &known
	}
	n := uint32(len(t.list))
	t.number[info.id] = n
	t.list = append(t.list, info)
	return n, nil
}

func (p *proof) listPacks(ctx context.Context) error {
	return p.eachPack(ctx, func(o listedObject) { p.listed = append(p.listed, o) })
}

// eachPack gives fn what is listed as a pack.
func (p *proof) eachPack(ctx context.Context, fn func(listedObject)) error {
	return p.session.stack.eachPack(ctx, func(id ID, size int64) { fn(listedObject{id, size}) })
}

// comparePacks looks whether the packs that the indexes name are there.
func (p *proof) comparePacks(ctx context.Context) error {
	wrong := map[ID]int64{}
	compare := func(o listedObject) {
		n, ok := p.packs.number[o.id]
		switch {
		case !ok:
			p.res.NotIndexed++
		case o.size != p.packs.list[n].size():
			wrong[o.id] = o.size
		default:
			p.packs.list[n].there = true
		}
	}
	if p.listing == nil { // of the past; its list is at hand, and need not be held twice
		if err := p.eachPack(ctx, compare); err != nil {
			return err
		}
	} else {
		err := <-p.listing
		p.listing <- err // for the one that waits for its end
		if err != nil {
			return err
		}
		for _, o := range p.listed {
			compare(o)
		}
		p.listed = nil
	}
	for i := range p.packs.list {
		info := &p.packs.list[i]
		if info.there {
			continue
		}
		b := BrokenObject{Kind: PackMissing, Pack: info.id, Object: p.keyFor(packHandleOf(info.id))}
		if size, listed := wrong[info.id]; listed {
			b.Kind, b.Reason = PackSizeWrong, fmt.Sprintf("it has %d bytes, by the index it should have %d", size, info.size())
		}
		p.broken(b)
	}
	return nil
}
