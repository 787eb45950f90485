//go:build linux || darwin || freebsd

package fusemount

import (
	"container/list"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cesnet/rwm/restic"
)

// source is the part of *restic.Reader that the loader uses.
type source interface {
	Connections() int
	Size(h restic.BlobHandle) (uint64, bool)
	Locations(h restic.BlobHandle) []restic.BlobLocation
	LoadRange(ctx context.Context, t restic.BlobType, pack restic.ID, offset, length uint, fn func(io.Reader) error) error
	Decrypt(h restic.BlobHandle, p restic.BlobLocation, buf []byte, room func(size int) []byte) ([]byte, error)
	LoadBlob(ctx context.Context, h restic.BlobHandle) ([]byte, error)
}

var (
	errEnded   = errors.New("the mount has ended")
	errTooLate = errors.New("the storage timed out")
	errMissing = errors.New("the blob is not in the repository's index")
)

// loader loads blobs into memory and keeps them there within a budget. However many
// readers want a blob, it is loaded once, and the load continues if a reader goes away.
// Demanded blobs are loaded before prefetched ones; a prefetched blob that is demanded
// before its turn moves to the front.
type loader struct {
	src     source
	log     *slog.Logger
	timeout time.Duration
	budget  int64
	conns   int
	buffers buffers

	life context.Context // loads end with it
	end  context.CancelCauseFunc

	mu      sync.Mutex
	blobs   map[restic.BlobHandle]*blob
	old     *list.List // of *blob in memory that were read; the front is evicted first
	unread  *list.List // of *blob in memory that were not read yet; the front was loaded first
	used    int64      // bytes in memory or reserved by running jobs
	demand  []*job
	ahead   []*job
	running int
}

// blob is a blob that is wanted: queued, being loaded, or in memory. The loader's mutex
// guards it; the fields after ready do not change once it is closed.
type blob struct {
	handle restic.BlobHandle
	at     restic.BlobLocation
	job    *job          // until it is ready
	in     *list.Element // in loader.old or, until its first reader, in loader.unread
	loaded time.Time     // when it came into loader.unread; zero if it is not in there
	users  int           // readers between want and release
	cost   int64         // bytes of the budget

	ready  chan struct{}
	data   []byte // of a data blob
	buffer []byte // the memory of data, from loader.buffers
	tree   *tree  // of a tree blob
	err    error
}

// spared is how long a prefetched blob stays in memory unread.
const spared = 30 * time.Second

func newLoader(src source, log *slog.Logger, budget int64, timeout time.Duration) *loader {
	l := &loader{src: src, log: log, timeout: timeout, budget: budget, conns: max(src.Connections(), 2),
		blobs: make(map[restic.BlobHandle]*blob), old: list.New(), unread: list.New()}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

// close ends every load and makes all further ones fail.
func (l *loader) close() { l.end(errEnded) }

// want returns the blob and makes sure that it will become ready. The caller must
// release it.
func (l *loader) want(h restic.BlobHandle) *blob {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.blobs[h]
	if b == nil {
		b = l.add(h)
		if b.err == nil {
			l.enqueue(&job{typ: h.Type, blobs: []*blob{b}}, true)
		} else {
			l.log.Error("blob cannot be read", "type", h.Type.String(), "blob", h.ID.String(), "error", b.err.Error())
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

// release releases a blob from want. With done set it is not expected to be needed
// again soon.
func (l *loader) release(b *blob, done bool) {
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
func (l *loader) add(h restic.BlobHandle) *blob {
	b := &blob{handle: h, ready: make(chan struct{})}
	locations := l.src.Locations(h)
	switch {
	case l.life.Err() != nil:
		b.err = errEnded
	case len(locations) == 0:
		b.err = errMissing
	default:
		b.at = locations[0]
		l.blobs[h] = b
		return b
	}
	close(b.ready)
	return b
}

// wait waits until b is ready, but not forever: hanging loads could fill all
// connections. A signal to the reader ends its request's context; the load continues,
// and the reader still gets some time for the answer, because most signals are not
// meant to end anything.
func (l *loader) wait(ctx context.Context, b *blob) error {
	select {
	case <-b.ready:
		return b.err
	default:
	}
	limit := time.NewTimer(2 * l.timeout)
	defer limit.Stop()
	select {
	case <-b.ready:
		return b.err
	case <-limit.C:
		return l.tooLate(b)
	case <-ctx.Done():
	}
	grace := time.NewTimer(interruptGrace)
	defer grace.Stop()
	select {
	case <-b.ready:
		return b.err
	case <-limit.C:
		return l.tooLate(b)
	case <-grace.C:
		return context.Cause(ctx)
	}
}

func (l *loader) tooLate(b *blob) error {
	l.log.Error("blob cannot be read", "type", b.handle.Type.String(), "blob", b.handle.ID.String(), "pack", b.at.Pack.String(),
		"error", errTooLate.Error(), "after", 2*l.timeout)
	return errTooLate
}

// interruptGrace is how long a reader still waits after a signal. A killed process
// hangs that long.
const interruptGrace = 3 * time.Second

// finish makes b ready, with data or a tree or an error. The caller holds mu.
func (l *loader) finish(b *blob, err error) {
	b.job, b.err = nil, err
	if err != nil {
		delete(l.blobs, b.handle)
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
func (l *loader) discard(b *blob) {
	l.used -= b.cost
	b.cost = 0
	if b.buffer != nil {
		l.buffers.put(b.buffer)
		b.data, b.buffer = nil, nil
	}
}

// makeRoom evicts until n more bytes fit into the budget, and reports whether they do.
// Unread prefetched blobs are evicted only if they are old, or for demand. The caller
// holds mu.
func (l *loader) makeRoom(n int64, demanded bool) bool {
	evict := func(from *list.List, may func(*blob) bool) {
		var next *list.Element
		for e := from.Front(); e != nil && l.used+n > l.budget; e = next {
			next = e.Next()
			b := e.Value.(*blob)
			if b.users > 0 {
				continue
			}
			if !may(b) {
				return
			}
			from.Remove(e)
			b.in = nil
			delete(l.blobs, b.handle)
			l.discard(b)
		}
	}
	if l.used+n > l.budget {
		now := time.Now()
		evict(l.unread, func(b *blob) bool { return now.Sub(b.loaded) > spared })
		evict(l.old, func(*blob) bool { return true })
		evict(l.unread, func(*blob) bool { return demanded })
	}
	return l.used+n <= l.budget
}
