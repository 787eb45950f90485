//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cesnet/rwm/internal/blobload"
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
	errMissing = blobload.ErrMissing
)

// loader loads the blobs of a mount.
type loader struct {
	*blobload.Loader
	src     source
	log     *slog.Logger
	timeout time.Duration
}

// blob is one that is in memory, or on its way there.
type blob = blobload.Blob

func newLoader(src source, log *slog.Logger, budget int64, timeout time.Duration) *loader {
	return &loader{src: src, log: log, timeout: timeout, Loader: blobload.New(context.Background(), loaderSource{src}, blobload.Options{
		Memory: &buffers{}, Log: log, Budget: budget, Timeout: timeout,
	})}
}

// close ends every load and makes all further ones fail.
func (l *loader) close() { l.Close(errEnded) }

// want returns a blob and has it loaded. The caller must release it.
func (l *loader) want(h restic.BlobHandle) *blob { return l.Want(handleOf(h)) }

// release releases a blob from want. With done set it is not expected to be needed
// again soon.
func (l *loader) release(b *blob, done bool) { l.Release(b, done) }

// prefetch queues the loading of blobs that will probably be wanted, in this order, by
// requests of up to runSize bytes.
func (l *loader) prefetch(handles []restic.BlobHandle, runSize uint, owner *sequence) {
	list := make([]blobload.Handle, len(handles))
	for i, h := range handles {
		list[i] = handleOf(h)
	}
	l.Prefetch(list, runSize, owner)
}

// wait waits until b is ready, but not forever: hanging loads could fill all
// connections. A signal to the reader ends its request's context; the load continues,
// and the reader still gets some time for the answer, because most signals are not
// meant to end anything.
func (l *loader) wait(ctx context.Context, b *blob) error {
	select {
	case <-b.Ready():
		return b.Err
	default:
	}
	limit := time.NewTimer(2 * l.timeout)
	defer limit.Stop()
	select {
	case <-b.Ready():
		return b.Err
	case <-limit.C:
		return l.tooLate(b)
	case <-ctx.Done():
	}
	grace := time.NewTimer(interruptGrace)
	defer grace.Stop()
	select {
	case <-b.Ready():
		return b.Err
	case <-limit.C:
		return l.tooLate(b)
	case <-grace.C:
		return context.Cause(ctx)
	}
}

func (l *loader) tooLate(b *blob) error {
	h := resticHandle(b.Handle)
	l.log.Error("blob cannot be read", "type", h.Type.String(), "blob", h.ID.String(), "pack", restic.ID(b.Place.Pack).String(),
		"error", errTooLate.Error(), "after", 2*l.timeout)
	return errTooLate
}

// interruptGrace is how long a reader still waits after a signal. A killed process
// hangs that long.
const interruptGrace = 3 * time.Second

func handleOf(h restic.BlobHandle) blobload.Handle {
	return blobload.Handle{Tree: h.Type == restic.BlobTree, ID: h.ID}
}

func resticHandle(h blobload.Handle) restic.BlobHandle {
	return restic.BlobHandle{Type: blobType(h.Tree), ID: h.ID}
}

func blobType(tree bool) restic.BlobType {
	if tree {
		return restic.BlobTree
	}
	return restic.BlobData
}

// loaderSource is a source as the loader knows it.
type loaderSource struct{ src source }

func (s loaderSource) Connections() int { return s.src.Connections() }

func (s loaderSource) Place(h blobload.Handle) (blobload.Place, bool) {
	list := s.src.Locations(resticHandle(h))
	if len(list) == 0 {
		return blobload.Place{}, false
	}
	p := list[0]
	return blobload.Place{Pack: p.Pack, Offset: p.Offset, Length: p.Length, Size: p.Size, Compressed: p.Compressed}, true
}

func (s loaderSource) LoadRange(ctx context.Context, tree bool, pack [32]byte, offset, length uint, fn func(io.Reader) error) error {
	return s.src.LoadRange(ctx, blobType(tree), pack, offset, length, fn)
}

func (s loaderSource) Decrypt(h blobload.Handle, p blobload.Place, buf []byte, room func(size int) []byte) ([]byte, error) {
	at := restic.BlobLocation{Pack: p.Pack, Offset: p.Offset, Length: p.Length, Size: p.Size, Compressed: p.Compressed}
	return s.src.Decrypt(resticHandle(h), at, buf, room)
}

func (s loaderSource) LoadBlob(ctx context.Context, h blobload.Handle) ([]byte, error) {
	return s.src.LoadBlob(ctx, resticHandle(h))
}

func (s loaderSource) Decode(h blobload.Handle, plain []byte) (any, error) {
	t, err := newTree(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", restic.ErrDamaged, resticHandle(h), err)
	}
	return t, nil
}

func (s loaderSource) Damaged(err error) bool { return errors.Is(err, restic.ErrDamaged) }
