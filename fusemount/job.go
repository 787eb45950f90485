//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cesnet/rwm/restic"
)

// job loads blobs that are close together in one pack with one request.
type job struct {
	typ      restic.BlobType
	blobs    []*blob   // by offset
	demanded bool      // a reader waits for it
	owner    *sequence // the sequential reader it is prefetched for
}

// extent is the part of the pack that the job reads.
func (j *job) extent() (offset, length uint) {
	first, last := j.blobs[0].at, j.blobs[len(j.blobs)-1].at
	return first.Offset, last.Offset + last.Length - first.Offset
}

// cost is the job's share of the budget.
func (j *job) cost() (n int64) {
	for _, b := range j.blobs {
		n += blobCost(b)
	}
	return n
}

// blobCost is a blob's share of the budget: a buffer, or the decoded entries, which are
// about as large as their text.
func blobCost(b *blob) int64 {
	if b.handle.Type == restic.BlobTree {
		return int64(b.at.Size)
	}
	return int64(class(max(int(b.at.Length), int(b.at.Size))))
}

// enqueue adds a job whose blobs were added. The caller holds mu and calls start.
func (l *loader) enqueue(j *job, demanded bool) {
	for _, b := range j.blobs {
		b.job = j
	}
	j.demanded = demanded
	if demanded {
		l.demand = append(l.demand, j)
	} else {
		l.ahead = append(l.ahead, j)
	}
}

// promote moves a job to the demanded ones. The caller holds mu and calls start.
func (l *loader) promote(j *job) {
	j.demanded = true
	if i := slices.Index(l.ahead, j); i >= 0 {
		l.ahead = slices.Delete(l.ahead, i, i+1)
		l.demand = append(l.demand, j)
	}
}

// forget drops the jobs of a sequence that no reader waits for yet.
func (l *loader) forget(owner *sequence) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead = slices.DeleteFunc(l.ahead, func(j *job) bool {
		if j.owner != owner {
			return false
		}
		for _, b := range j.blobs {
			l.finish(b, context.Canceled)
		}
		return true
	})
}

// start starts as many queued jobs as there are connections and, for prefetching, room
// in the budget. Two connections are reserved for demand. The caller holds mu.
func (l *loader) start() {
	for len(l.demand) > 0 && l.running < l.conns {
		j := l.demand[0]
		l.demand = l.demand[1:]
		l.makeRoom(j.cost(), true)
		l.launch(j)
	}
	for len(l.ahead) > 0 && l.running < max(l.conns-2, 1) && l.makeRoom(l.ahead[0].cost(), false) {
		j := l.ahead[0]
		l.ahead = l.ahead[1:]
		l.launch(j)
	}
}

func (l *loader) launch(j *job) {
	l.running++
	for _, b := range j.blobs {
		b.cost = blobCost(b)
		l.used += b.cost
	}
	go func() {
		l.run(j)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		l.start()
	}()
}

// run loads the blobs of a job. Each is ready as soon as its bytes have arrived.
func (l *loader) run(j *job) {
	ctx, cancel := context.WithTimeoutCause(l.life, l.timeout, fmt.Errorf("the storage timed out after %v", l.timeout))
	defer cancel()
	offset, length := j.extent()
	done := make([]bool, len(j.blobs))
	failed := make([]error, len(j.blobs))
	err := l.src.LoadRange(ctx, j.typ, j.blobs[0].at.Pack, offset, length, func(rd io.Reader) error {
		// after a failure this is called again with a new stream
		at := offset
		for i, b := range j.blobs {
			skip := b.at.Offset - at
			at = b.at.Offset + b.at.Length
			if done[i] || failed[i] != nil {
				skip += b.at.Length
			}
			if _, err := io.CopyN(io.Discard, rd, int64(skip)); err != nil {
				return unexpectedEnd(err)
			}
			if done[i] || failed[i] != nil {
				continue
			}
			data, buffer, err := l.read(rd, b)
			switch {
			case err == nil:
				err = l.deliver(b, data, buffer)
			case !errors.Is(err, restic.ErrDamaged):
				return err
			}
			done[i], failed[i] = err == nil, err
		}
		return nil
	})
	for i, b := range j.blobs {
		if !done[i] {
			l.rescue(ctx, b, errors.Join(failed[i], err))
		}
	}
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// read reads one blob from the stream and returns its plain bytes and the buffer that
// holds them.
func (l *loader) read(rd io.Reader, b *blob) (plain, buffer []byte, err error) {
	buffer = l.buffers.get(int(b.at.Length))
	if _, err := io.ReadFull(rd, buffer); err != nil {
		l.buffers.put(buffer)
		return nil, nil, unexpectedEnd(err)
	}
	var room []byte
	plain, err = l.src.Decrypt(b.handle, b.at, buffer, func(size int) []byte {
		room = l.buffers.get(size)
		return room
	})
	if room != nil {
		l.buffers.put(buffer)
		buffer = room
	}
	if err != nil {
		l.buffers.put(buffer)
		return nil, nil, err
	}
	return plain, buffer, nil
}

// deliver makes a blob ready with its plain bytes and the buffer that holds them, which
// from now on belongs to the loader.
func (l *loader) deliver(b *blob, plain, buffer []byte) error {
	var t *tree
	if b.handle.Type == restic.BlobTree {
		var err error
		t, err = newTree(plain)
		l.buffers.put(buffer)
		if err != nil {
			return fmt.Errorf("%w: %v: %w", restic.ErrDamaged, b.handle, err)
		}
		plain, buffer = nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if buffer != nil {
		l.used += int64(cap(buffer)) - b.cost // a larger one was free
		b.cost = int64(cap(buffer))
	}
	b.data, b.buffer, b.tree = plain, buffer, t
	l.finish(b, nil)
	return nil
}

// rescue is for a blob that could not be loaded with the others: if a reader waits for
// it, all its copies are tried.
func (l *loader) rescue(ctx context.Context, b *blob, cause error) {
	l.mu.Lock()
	if b.users == 0 {
		l.finish(b, cause) // a later reader tries again
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	if l.life.Err() == nil {
		began := time.Now()
		plain, err := l.src.LoadBlob(ctx, b.handle)
		if err == nil {
			buffer := l.buffers.get(len(plain))
			copy(buffer, plain)
			if err = l.deliver(b, buffer, buffer); err == nil {
				l.log.Warn("blob loaded at the second attempt", "blob", b.handle.ID.String(), "pack", b.at.Pack.String(), "first", cause.Error())
				return
			}
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		cause = errors.Join(cause, err)
		l.log.Error("blob cannot be read", "type", b.handle.Type.String(), "blob", b.handle.ID.String(), "pack", b.at.Pack.String(),
			"offset", b.at.Offset, "length", b.at.Length, "error", cause.Error(), "after", time.Since(began).Round(time.Millisecond))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(b, cause)
}
