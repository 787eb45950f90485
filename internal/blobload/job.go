package blobload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// job loads blobs that are close together in one pack with one request.
type job struct {
	blobs    []*Blob // by offset
	demanded bool    // a reader waits for it
	owner    any     // whom it is prefetched for
}

// extent is the part of the pack that the job reads.
func (j *job) extent() (offset, length uint) {
	first, last := j.blobs[0].Place, j.blobs[len(j.blobs)-1].Place
	return first.Offset, last.Offset + last.Length - first.Offset
}

// jobCost is the job's share of the budget.
func (l *Loader) jobCost(j *job) (n int64) {
	for _, b := range j.blobs {
		n += l.blobCost(b)
	}
	return n
}

// blobCost is a blob's share of the budget: a buffer, or the decoded entries.
func (l *Loader) blobCost(b *Blob) int64 {
	if b.Handle.Tree {
		return max(l.opts.TreeCost, 1) * int64(b.Place.Size)
	}
	return int64(l.memory.Cost(max(int(b.Place.Length), int(b.Place.Size))))
}

// enqueue adds a job whose blobs were added. The caller holds mu and calls start.
func (l *Loader) enqueue(j *job, demanded bool) {
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
func (l *Loader) promote(j *job) {
	j.demanded = true
	if i := slices.Index(l.ahead, j); i >= 0 {
		l.ahead = slices.Delete(l.ahead, i, i+1)
		l.demand = append(l.demand, j)
	}
}

// Forget drops what was prefetched for an owner and no reader waits for yet.
func (l *Loader) Forget(owner any) {
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
func (l *Loader) start() {
	if l.life.Err() != nil {
		for _, j := range slices.Concat(l.demand, l.ahead) {
			for _, b := range j.blobs {
				l.finish(b, context.Cause(l.life))
			}
		}
		l.demand, l.ahead = nil, nil
		return
	}
	for len(l.demand) > 0 && l.running < l.conns {
		j := l.demand[0]
		l.demand = l.demand[1:]
		l.makeRoom(l.jobCost(j), true)
		l.launch(j)
	}
	for len(l.ahead) > 0 && l.running < max(l.conns-2, 1) && l.makeRoom(l.jobCost(l.ahead[0]), false) {
		j := l.ahead[0]
		l.ahead = l.ahead[1:]
		l.launch(j)
	}
}

func (l *Loader) launch(j *job) {
	l.running++
	for _, b := range j.blobs {
		b.cost = l.blobCost(b)
		l.used += b.cost
	}
	l.loads.Go(func() {
		l.run(j)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		l.start()
	})
}

// run loads the blobs of a job. Each is ready as soon as its bytes have arrived.
func (l *Loader) run(j *job) {
	ctx := l.life
	if limit := l.opts.Timeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the storage timed out after %v", limit))
		defer cancel()
	}
	offset, length := j.extent()
	done := make([]bool, len(j.blobs))
	failed := make([]error, len(j.blobs))
	err := l.src.LoadRange(ctx, j.blobs[0].Handle.Tree, j.blobs[0].Place.Pack, offset, length, func(rd io.Reader) error {
		// after a failure this is called again with a new stream
		at := offset
		for i, b := range j.blobs {
			skip := b.Place.Offset - at
			at = b.Place.Offset + b.Place.Length
			if done[i] || failed[i] != nil {
				skip += b.Place.Length
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
			case !l.src.Damaged(err):
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
func (l *Loader) read(rd io.Reader, b *Blob) (plain, buffer []byte, err error) {
	buffer = l.memory.Get(int(b.Place.Length))
	if _, err := io.ReadFull(rd, buffer); err != nil {
		l.memory.Put(buffer)
		return nil, nil, unexpectedEnd(err)
	}
	var room []byte
	plain, err = l.src.Decrypt(b.Handle, b.Place, buffer, func(size int) []byte {
		room = l.memory.Get(size)
		return room
	})
	if room != nil {
		l.memory.Put(buffer)
		buffer = room
	}
	if err != nil {
		l.memory.Put(buffer)
		return nil, nil, err
	}
	return plain, buffer, nil
}

// deliver makes a blob ready with its plain bytes and the buffer that holds them, which
// from now on belongs to the loader.
func (l *Loader) deliver(b *Blob, plain, buffer []byte) error {
	var t any
	if b.Handle.Tree {
		var err error
		t, err = l.src.Decode(b.Handle, plain)
		l.memory.Put(buffer)
		if err != nil {
			return err
		}
		plain, buffer = nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if buffer != nil {
		l.used += int64(cap(buffer)) - b.cost // a larger one was free
		b.cost = int64(cap(buffer))
	}
	b.Data, b.buffer, b.Tree = plain, buffer, t
	l.finish(b, nil)
	return nil
}

// rescue is for a blob that could not be loaded with the others: if a reader waits for
// it, all its copies are tried.
func (l *Loader) rescue(ctx context.Context, b *Blob, cause error) {
	l.mu.Lock()
	if b.users == 0 {
		l.finish(b, cause) // a later reader tries again
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	if l.life.Err() == nil {
		began := time.Now()
		plain, err := l.src.LoadBlob(ctx, b.Handle)
		if err == nil {
			buffer := l.memory.Get(len(plain))
			copy(buffer, plain)
			if err = l.deliver(b, buffer, buffer); err == nil {
				l.log.Warn("blob loaded at the second attempt", "blob", hex(b.Handle.ID), "pack", hex(b.Place.Pack), "first", cause.Error())
				return
			}
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		both := errors.Join(cause, err)
		cause = err
		l.log.Error("blob cannot be read", "type", b.Handle.kind(), "blob", hex(b.Handle.ID), "pack", hex(b.Place.Pack),
			"offset", b.Place.Offset, "length", b.Place.Length, "error", both.Error(), "after", time.Since(began).Round(time.Millisecond))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(b, cause)
}
