// Package blobload loads blobs of a repository into memory ahead of their readers. Each
// blob is loaded once, however many readers want it; neighbours in a pack are loaded
// with one request; and memory stays within a budget. The mount and the file systems of
// sessions read through it.
//
// A reader calls Want, waits for Ready, uses Data or Tree, and calls Release. Prefetch
// queues what will probably be wanted next.
package blobload

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Handle names a blob.
type Handle struct {
	Tree bool     // or part of a file
	ID   [32]byte // SHA-256 of the plain bytes
}

// Place is where a blob is stored. Sizes and offsets are in bytes.
type Place struct {
	Pack       [32]byte
	Offset     uint
	Length     uint // as stored
	Size       uint // plain
	Compressed bool
}

// Source is a repository.
type Source interface {
	// Connections is how many loads run at the same time.
	Connections() int
	// Place returns the first place of a blob, or false if it has none.
	Place(h Handle) (Place, bool)
	// LoadRange passes a part of a pack to fn. After a failure it may call fn again.
	LoadRange(ctx context.Context, tree bool, pack [32]byte, offset, length uint, fn func(io.Reader) error) error
	// Decrypt returns the plain bytes of a blob, in buf or in what room returns. After
	// an error for which Damaged is true it is not tried again.
	Decrypt(h Handle, at Place, buf []byte, room func(size int) []byte) ([]byte, error)
	// LoadBlob loads a blob from any of its places.
	LoadBlob(ctx context.Context, h Handle) ([]byte, error)
	// Decode decodes a tree.
	Decode(h Handle, plain []byte) (tree any, err error)
	// Damaged reports whether an error means that the stored data is wrong.
	Damaged(err error) bool
}

// Memory is where plain blobs are kept.
type Memory interface {
	// Get returns a buffer of n bytes. The capacity of the buffer counts against the
	// budget.
	Get(n int) []byte
	// Put takes back a buffer that is no longer used.
	Put(buf []byte)
	// Cost returns the least that a buffer of n bytes counts against the budget.
	Cost(n int) int
}

// Heap allocates from the Go heap. Data from it may be used after Release.
type Heap struct{}

// Get returns new memory.
func (Heap) Get(n int) []byte { return make([]byte, n) }

// Put leaves it to the garbage collector.
func (Heap) Put([]byte) {}

// Cost returns n.
func (Heap) Cost(n int) int { return n }

// ErrMissing is the error of a blob that has no place.
var ErrMissing = errors.New("the blob is not in the repository's index")

// Options configures a Loader.
type Options struct {
	Memory   Memory        // nil: Heap
	Log      *slog.Logger  // nil: none
	Budget   int64         // bytes that are kept in memory
	TreeCost int64         // what a byte of a tree costs once it is decoded; 0: 1
	Timeout  time.Duration // of a load; 0: none
}

// Loader loads blobs into memory and keeps them there within a budget. However many
// readers want a blob, it is loaded once, and the load continues if a reader goes away.
// Demanded blobs are loaded before prefetched ones; a prefetched blob that is demanded
// before its turn moves to the front.
type Loader struct {
	src    Source
	opts   Options
	log    *slog.Logger
	memory Memory
	conns  int

	life  context.Context // loads end with it
	end   context.CancelCauseFunc
	loads sync.WaitGroup

	mu      sync.Mutex
	blobs   map[Handle]*Blob
	old     *list.List // of *Blob in memory that were read; the front is evicted first
	unread  *list.List // of *Blob in memory that were not read yet; the front was loaded first
	used    int64      // bytes in memory or reserved by running jobs
	demand  []*job
	ahead   []*job
	running int
}

// Blob is a blob that is wanted: queued, being loaded, or in memory. What is exported
// does not change once Ready is closed.
type Blob struct {
	Handle Handle
	// Place is where the blob is loaded from.
	Place Place
	// Data is the content of a data blob, valid until Release.
	Data []byte
	// Tree is a decoded tree, from Source.Decode.
	Tree any
	Err  error

	ready  chan struct{}
	buffer []byte // the memory of Data

	// guarded by the loader's mutex
	job    *job          // until it is ready
	in     *list.Element // in loader.old or, until its first reader, in loader.unread
	loaded time.Time     // when it came into loader.unread; zero if it is not in there
	users  int           // readers between Want and Release
	cost   int64         // bytes of the budget
}

// Ready is closed when the blob has been loaded or its load has failed; see Err.
func (b *Blob) Ready() <-chan struct{} { return b.ready }

// spared is how long an unread prefetched blob is kept from eviction by other
// prefetches.
const spared = 30 * time.Second

// New returns a loader. Its loads end with ctx, or with Close.
func New(ctx context.Context, src Source, o Options) *Loader {
	if o.Memory == nil {
		o.Memory = Heap{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Loader{src: src, opts: o, log: o.Log, memory: o.Memory, conns: max(src.Connections(), 2),
		blobs: make(map[Handle]*Blob), old: list.New(), unread: list.New()}
	l.life, l.end = context.WithCancelCause(ctx)
	return l
}

// Close aborts every load and makes all further ones fail with err.
func (l *Loader) Close(err error) { l.end(err) }

// Wait returns when nothing is being loaded any more. The loader must have been closed.
func (l *Loader) Wait() {
	l.mu.Lock() // a goroutine that saw the loader open has begun its loads
	//lint:ignore SA2001 see above
	l.mu.Unlock()
	l.loads.Wait()
}

// Budget returns how many bytes the loader may keep in memory.
func (l *Loader) Budget() int64 { return l.opts.Budget }

// Connections returns how many requests may run at the same time.
func (l *Loader) Connections() int { return l.conns }

// Usage describes what a loader is doing.
type Usage struct {
	Running, Demanded, Ahead int   // requests: sent, and waiting
	Used                     int64 // bytes of the budget
	Held                     int64 // bytes of the blobs that are known
}

// Usage returns what the loader is doing now.
func (l *Loader) Usage() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := Usage{Running: l.running, Demanded: len(l.demand), Ahead: len(l.ahead), Used: l.used}
	for _, b := range l.blobs {
		u.Held += b.cost
	}
	return u
}

// Known reports whether a blob is in memory or on its way there.
func (l *Loader) Known(h Handle) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blobs[h] != nil
}

// Want returns the blob and makes sure that it will become ready. The caller must
// release it.
func (l *Loader) Want(h Handle) *Blob {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.blobs[h]
	if b == nil {
		b = l.add(h)
		if b.Err == nil {
			l.enqueue(&job{blobs: []*Blob{b}}, true)
		} else {
			l.log.Error("blob cannot be read", "type", h.kind(), "blob", hex(h.ID), "error", b.Err.Error())
		}
	} else if b.job != nil && !b.job.demanded {
		l.promote(b.job)
	}
	b.users++
	if !b.loaded.IsZero() {
		l.unread.Remove(b.in)
		b.in, b.loaded = l.old.PushBack(b), time.Time{}
	}
	l.start()
	return b
}

// Release releases a blob from Want. With done set it is not expected to be needed
// again soon.
func (l *Loader) Release(b *Blob, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.users--
	if b.in == nil {
		if b.users == 0 && b.job == nil {
			l.discard(b)
		}
		return
	}
	if done {
		l.old.MoveToFront(b.in)
	} else {
		l.old.MoveToBack(b.in)
	}
	if len(l.ahead) > 0 {
		l.start()
	}
}

// add makes an entry for a new blob. The caller holds mu.
func (l *Loader) add(h Handle) *Blob {
	b := &Blob{Handle: h, ready: make(chan struct{})}
	place, ok := l.src.Place(h)
	switch {
	case l.life.Err() != nil:
		b.Err = context.Cause(l.life)
	case !ok:
		b.Err = ErrMissing
	default:
		b.Place = place
		l.blobs[h] = b
		return b
	}
	close(b.ready)
	return b
}

// finish makes b ready, with data or a tree or an error. The caller holds mu.
func (l *Loader) finish(b *Blob, err error) {
	b.job, b.Err = nil, err
	if err != nil {
		delete(l.blobs, b.Handle)
		if b.users == 0 {
			l.discard(b)
		}
	} else if b.users > 0 {
		b.in = l.old.PushBack(b)
	} else {
		b.in, b.loaded = l.unread.PushBack(b), time.Now()
	}
	close(b.ready)
}

// discard releases the memory of b. The caller holds mu; b is not in use.
func (l *Loader) discard(b *Blob) {
	l.used -= b.cost
	b.cost = 0
	if b.buffer != nil {
		l.memory.Put(b.buffer)
		b.Data, b.buffer = nil, nil
	}
}

// makeRoom evicts until n more bytes fit into the budget, and reports whether they do.
// Unread prefetched blobs are evicted only if they are old, or for demand. The caller
// holds mu.
func (l *Loader) makeRoom(n int64, demanded bool) bool {
	evict := func(from *list.List, may func(*Blob) bool) {
		var next *list.Element
		for e := from.Front(); e != nil && l.used+n > l.opts.Budget; e = next {
			next = e.Next()
			b := e.Value.(*Blob)
			if b.users > 0 {
				continue
			}
			if !may(b) {
				return
			}
			from.Remove(e)
			b.in = nil
			delete(l.blobs, b.Handle)
			l.discard(b)
		}
	}
	if l.used+n > l.opts.Budget {
		now := time.Now()
		evict(l.unread, func(b *Blob) bool { return now.Sub(b.loaded) > spared })
		evict(l.old, func(*Blob) bool { return true })
		evict(l.unread, func(*Blob) bool { return demanded })
	}
	return l.used+n <= l.opts.Budget
}

func (h Handle) kind() string {
	if h.Tree {
		return "tree"
	}
	return "data"
}

func hex(id [32]byte) string { return fmt.Sprintf("%x", id) }
