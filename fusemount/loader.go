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

// source is what the loader needs of a *restic.Reader.
type source interface {
	Connections() int
	Size(h restic.BlobHandle) (uint64, bool)
	Places(h restic.BlobHandle) []restic.BlobPlace
	LoadRange(ctx context.Context, t restic.BlobType, pack restic.ID, offset, length uint, fn func(io.Reader) error) error
	Open(h restic.BlobHandle, p restic.BlobPlace, buf []byte, room func(size int) []byte) ([]byte, error)
	LoadBlob(ctx context.Context, h restic.BlobHandle) ([]byte, error)
}

var (
	errEnded   = errors.New("the mount has ended")
	errTooLate = errors.New("the storage does not deliver")
	errMissing = errors.New("the repository's index does not know this blob")
)

// loader brings blobs into memory and keeps them there within a budget. Whatever number of readers wants a blob, it is loaded once, and the load goes on
// when a reader goes away. Demand goes before what is only expected to be wanted; expected blobs that are demanded before their turn move
// to the front.
type loader struct {
	src     source
	log     *slog.Logger
	timeout time.Duration
	budget  int64
	conns   int
	buffers buffers

	life context.Context // loads run as long as it lives
	end  context.CancelCauseFunc

	mu      sync.Mutex
	blobs   map[restic.BlobHandle]*blob
	old     *list.List // of *blob in memory that was read; the front goes first
	unread  *list.List // of *blob in memory that nobody has read yet; the front was loaded first
	used    int64      // bytes in memory or promised to running jobs
	demand  []*job
	ahead   []*job
	running int
}

// blob is a blob that is wanted: queued, being loaded, or in memory. The loader's mutex guards it; what is behind ready does not change
// once that is closed.
type blob struct {
	handle restic.BlobHandle
	place  restic.BlobPlace
	job    *job          // until it is ready
	in     *list.Element // in loader.old or, until its first reader, in loader.unread
	loaded time.Time     // when it came into loader.unread; zero if it is not in there
	users  int           // readers between want and release
	cost   int64         // bytes of the budget

	ready  chan struct{}
	data   []byte // of a data blob
	buffer []byte // what data lies in, from loader.buffers
	tree   *tree  // of a tree blob
	err    error
}

// spared is how long a blob that was loaded ahead stays though nobody has read it.
const spared = 30 * time.Second

func newLoader(src source, log *slog.Logger, budget int64, timeout time.Duration) *loader {
	l := &loader{src: src, log: log, timeout: timeout, budget: budget, conns: max(src.Connections(), 2),
		blobs: make(map[restic.BlobHandle]*blob), old: list.New(), unread: list.New()}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

// close ends every load and makes all further ones fail.
func (l *loader) close() { l.end(errEnded) }

// want returns the blob and sees to it that it will be ready. The caller holds on to it until release.
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

// release lets go of a blob that want returned. With done set nobody is expected to want it again soon.
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

// add makes an entry for a blob that is not known. The caller holds mu.
func (l *loader) add(h restic.BlobHandle) *blob {
	b := &blob{handle: h, ready: make(chan struct{})}
	places := l.src.Places(h)
	switch {
	case l.life.Err() != nil:
		b.err = errEnded
	case len(places) == 0:
		b.err = errMissing
	default:
		b.place = places[0]
		l.blobs[h] = b
		return b
	}
	close(b.ready)
	return b
}

// wait waits until b is ready, but not for ever: loads that hang could fill all connections. Signals to the reader end its request's context; the
// load goes on, and the reader gets some time to still have the answer, because most signals are not meant to end anything.
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
	l.log.Error("blob cannot be read", "type", b.handle.Type.String(), "blob", b.handle.ID.String(), "pack", b.place.Pack.String(),
		"error", errTooLate.Error(), "after", 2*l.timeout)
	return errTooLate
}

// interruptGrace is how long a reader that got a signal still waits. A killed process hangs as long.
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

// discard gives back what b holds. The caller holds mu; nobody uses b.
func (l *loader) discard(b *blob) {
	l.used -= b.cost
	b.cost = 0
	if b.buffer != nil {
		l.buffers.put(b.buffer)
		b.data, b.buffer = nil, nil
	}
}

// makeRoom evicts until n more bytes fit into the budget, and reports whether they do. What was loaded ahead and not read yet goes only if
// it has been waiting for long, or for demand. The caller holds mu.
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
