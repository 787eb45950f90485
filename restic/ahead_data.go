package restic

import (
	"context"
	"io"
	"slices"
	"sync"
)

const (
	// aheadData bounds what is planned and not taken yet, in plain bytes.
	aheadData = 48 << 20
	// aheadBatch is how much is planned before it is split into requests.
	aheadBatch = 12 << 20
	// aheadLargest is the largest blob that is loaded ahead. restic cuts files into
	// chunks of at most 8 MiB.
	aheadLargest = 16 << 20
)

// dataAhead loads blobs of files in the order in which a reader will take them,
// neighbours in a pack with one request. It never fails: the reader loads what could
// not be loaded ahead itself, and reports what is wrong with it.
type dataAhead struct {
	ctx         context.Context
	reader      *Reader
	room, batch int64 // aheadData and aheadBatch
	loads       sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond // something was taken
	blobs   map[ID]*aheadBlob
	order   []*aheadBlob // as planned; those that were taken are still in it
	taken   recentIDs    // what the reader has in a cache of its own
	used    int64        // plain bytes of blobs
	seq     int
	planned []*aheadBlob // not split into requests yet
	size    int64        // of planned
	runs    [][]*aheadBlob
	running int
	waiting bool // the planner waits for room
	ended   bool
}

// aheadBlob is a blob that was planned. data is set before ready is closed; it is nil
// if the blob could not be loaded.
type aheadBlob struct {
	id    ID
	at    BlobLocation
	seq   int
	gone  bool // taken or dropped
	ready chan struct{}
	data  []byte
}

func newDataAhead(ctx context.Context, r *Reader, cached int64) *dataAhead {
	d := &dataAhead{ctx: ctx, reader: r, room: aheadData, batch: aheadBatch, blobs: make(map[ID]*aheadBlob), taken: recentIDs{limit: cached}}
	d.changed.L = &d.mu
	return d
}

// finish stops the planner and starts no further loads.
func (d *dataAhead) finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	d.changed.Broadcast()
}

// wait waits until nothing is being loaded any more. The context must have ended.
func (d *dataAhead) wait() {
	d.finish()
	d.loads.Wait()
}

// plan queues a blob for loading. It waits while enough is planned, and returns false
// at the end.
func (d *dataAhead) plan(id ID) bool {
	places := d.reader.Locations(BlobHandle{BlobData, id})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	if len(places) == 0 || max(places[0].Size, places[0].Length) > aheadLargest || d.blobs[id] != nil || d.taken.has(id) {
		return true
	}
	size := int64(places[0].Size)
	for d.used > 0 && d.used+size > d.room {
		d.split()
		d.waiting = true
		d.changed.Broadcast()
		d.changed.Wait()
		d.waiting = false
		if d.ended {
			return false
		}
	}
	b := &aheadBlob{id: id, at: places[0], seq: d.seq, ready: make(chan struct{})}
	d.seq++
	d.blobs[id] = b
	d.order = append(d.order, b)
	d.planned = append(d.planned, b)
	d.used += size
	if d.size += size; d.size >= d.batch {
		d.split()
	}
	return true
}

// flush sends everything that was planned.
func (d *dataAhead) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.split()
}

// split makes requests of what was planned. The caller holds mu.
func (d *dataAhead) split() {
	d.runs = append(d.runs, packRuns(d.planned, func(b *aheadBlob) BlobLocation { return b.at })...)
	d.planned, d.size = nil, 0
	d.start()
}

// start sends as many requests as there are connections. The caller holds mu.
func (d *dataAhead) start() {
	for len(d.runs) > 0 && d.running < d.reader.Connections() && !d.ended {
		run := d.runs[0]
		d.runs = d.runs[1:]
		d.running++
		d.loads.Go(func() {
			d.load(run)
			d.mu.Lock()
			defer d.mu.Unlock()
			d.running--
			d.start()
		})
	}
}

func (d *dataAhead) load(run []*aheadBlob) {
	first, last := run[0].at, run[len(run)-1].at
	done := 0
	_ = d.reader.LoadRange(d.ctx, BlobData, first.Pack, first.Offset, last.Offset+last.Length-first.Offset, func(rd io.Reader) error {
		at := first.Offset
		for i, b := range run {
			if _, err := io.CopyN(io.Discard, rd, int64(b.at.Offset-at)); err != nil {
				return err
			}
			at = b.at.Offset + b.at.Length
			buf := make([]byte, b.at.Length)
			if _, err := io.ReadFull(rd, buf); err != nil {
				return err
			}
			if i < done {
				continue // a second attempt
			}
			data, err := d.reader.Decrypt(BlobHandle{BlobData, b.id}, b.at, buf, func(size int) []byte { return make([]byte, size) })
			if err == nil && len(data) == int(b.at.Size) {
				b.data = data
			}
			close(b.ready)
			done++
		}
		return nil
	})
	for _, b := range run[done:] {
		close(b.ready)
	}
}

// take returns a blob that was loaded ahead, or nil. The reader takes each blob once,
// roughly in the order of the plan; what was planned long before a blob that is taken
// will not be taken any more.
func (d *dataAhead) take(ctx context.Context, id ID) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.blobs[id]
	if b == nil {
		if d.waiting {
			// The reader has caught up with the planner.
			d.drop(d.seq)
		}
		// The reader was faster than the planner: it loads the blob itself and keeps it
		// in its cache, so that the planner need not load it once more.
		if places := d.reader.Locations(BlobHandle{BlobData, id}); len(places) > 0 {
			d.taken.add(id, int64(places[0].Size))
		}
		return nil
	}
	if slices.Contains(d.planned, b) {
		d.split()
	}
	d.mu.Unlock()
	select {
	case <-b.ready:
	case <-ctx.Done():
	}
	d.mu.Lock()
	d.remove(b)
	d.taken.add(id, int64(b.at.Size))
	d.drop(b.seq - 4*d.reader.Connections())
	if ctx.Err() != nil {
		return nil
	}
	return b.data
}

// drop forgets what was planned before the blob with a number. The caller holds mu.
func (d *dataAhead) drop(seq int) {
	for len(d.order) > 0 && (d.order[0].gone || d.order[0].seq < seq) {
		d.remove(d.order[0])
		d.order = d.order[1:]
	}
}

func (d *dataAhead) remove(b *aheadBlob) {
	if b.gone {
		return
	}
	b.gone = true
	delete(d.blobs, b.id)
	d.used -= int64(b.at.Size)
	d.changed.Broadcast()
}

// recentIDs remembers the blobs taken last, up to a total size.
type recentIDs struct {
	limit, used int64
	ids         map[ID]int64
	order       []ID
}

func (r *recentIDs) has(id ID) bool { _, ok := r.ids[id]; return ok }

func (r *recentIDs) add(id ID, size int64) {
	if r.has(id) || size > r.limit {
		return
	}
	if r.ids == nil {
		r.ids = make(map[ID]int64)
	}
	const each = 128 // so that many small ones are few enough
	r.ids[id] = size + each
	r.order = append(r.order, id)
	for r.used += size + each; r.used > r.limit; r.order = r.order[1:] {
		r.used -= r.ids[r.order[0]]
		delete(r.ids, r.order[0])
	}
}
