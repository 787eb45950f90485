//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cesnet/rwm/internal/blobload"
	"github.com/cesnet/rwm/restic"
)

// source is the part of *restic.Reader that the loader uses.
type source interface {
	blobload.Reader[restic.BlobType, restic.ID, restic.BlobHandle, restic.BlobLocation]
	Size(h restic.BlobHandle) (uint64, bool)
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
	from    loaderSource // src as the Loader knows it
	log     *slog.Logger
	timeout time.Duration
}

// blob is one that is in memory, or on its way there.
type blob = blobload.Blob

func newLoader(src source, log *slog.Logger, budget int64, timeout time.Duration) *loader {
	from := newLoaderSource(src)
	return &loader{src: src, from: from, log: log, timeout: timeout, Loader: blobload.New(context.Background(), from, blobload.Options{
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
	h := l.from.Handle(b.Handle)
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

// loaderSource is a source as the loader knows it.
type loaderSource = blobload.Adapter[restic.BlobType, restic.ID, restic.BlobHandle, restic.BlobLocation]

func newLoaderSource(src source) loaderSource {
	return loaderSource{
		Reader: src, Data: restic.BlobData, Tree: restic.BlobTree, Trees: decodeTree,
		Wrong: func(err error) bool { return errors.Is(err, restic.ErrDamaged) },
	}
}

func decodeTree(h restic.BlobHandle, plain []byte) (any, error) {
	t, err := newTree(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", restic.ErrDamaged, h, err)
	}
	return t, nil
}
