package s3state

import (
	"context"
	"errors"
	"sync"
)

// remover deletes versions in parallel batches, as they are found. A key's
// delete marker that hides older versions goes last, and only if all of those
// are gone: otherwise an interruption would bring the deleted object back.
type remover struct {
	s      *Store
	ctx    context.Context
	cancel context.CancelCauseFunc
	bucket string
	ev     *reporter

	work chan []doomed
	wg   sync.WaitGroup
	next []doomed // batch being gathered

	mu      sync.Mutex
	failed  BatchError
	stuck   map[string]bool // keys of which a version could not be removed
	removed removedCount
}

type removedCount struct {
	Versions, DeleteMarkers int64
	States                  int64 // of Versions
	Bytes                   int64
}

func (s *Store) newRemover(ctx context.Context, op, bucket string, ev *reporter) *remover {
	r := &remover{s: s, bucket: bucket, ev: ev, work: make(chan []doomed), stuck: make(map[string]bool)}
	r.failed.Op, r.failed.Bucket = op, bucket
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	for range min(batchWorkers, s.parallel) {
		r.wg.Add(1)
		go func() {
			defer r.wg.Done()
			for batch := range r.work {
				r.remove(batch)
			}
		}()
	}
	return r
}

// add queues one version; it fails when the operation has been given up.
func (r *remover) add(d doomed) error {
	r.next = append(r.next, d)
	if len(r.next) >= batchSize {
		return r.flush()
	}
	return nil
}

func (r *remover) flush() error {
	if len(r.next) == 0 {
		return nil
	}
	batch := r.next
	r.next = nil
	select {
	case r.work <- batch:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

func (r *remover) remove(batch []doomed) {
	if r.ctx.Err() != nil {
		return
	}
	errs, err := r.s.removeBatch(r.ctx, r.bucket, batch, r.ev)
	if err != nil {
		r.cancel(err)
		return
	}
	r.mu.Lock()
	denied := 0
	for i, d := range batch {
		if errs[i] != nil {
			r.failed.add(KeyError{Key: d.key, VersionID: d.version, Err: errs[i]})
			r.stuck[d.key] = true
			if errors.Is(errs[i], ErrAccessDenied) {
				denied++
			}
			continue
		}
		if d.marker {
			r.removed.DeleteMarkers++
		} else {
			r.removed.Versions++
			r.removed.Bytes += d.size
			if d.state {
				r.removed.States++
			}
		}
	}
	progress := DeleteProgress{Bucket: r.bucket, Deleted: r.removed.Versions + r.removed.DeleteMarkers, Bytes: r.removed.Bytes, Failed: int64(r.failed.Total)}
	r.mu.Unlock()
	r.ev.emit(progress)
	if denied == len(batch) && progress.Deleted == 0 {
		// Not one was allowed so far: these are not the admin's credentials.
		// Single versions may be denied to the admin, too: they are locked.
		r.cancel(errDenied)
	}
}

var errDenied = errors.New("no version may be deleted with these credentials")

// finish waits for what is under way and returns the error of the whole, a
// *BatchError if single versions failed.
func (r *remover) finish() (removedCount, error) {
	ferr := r.flush()
	close(r.work)
	r.wg.Wait()
	cause := context.Cause(r.ctx)
	r.cancel(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case cause != nil && !errors.Is(cause, errDenied):
		return r.removed, cause
	case r.failed.Total > 0:
		return r.removed, &r.failed
	case ferr != nil && !errors.Is(ferr, errDenied):
		return r.removed, ferr
	}
	return r.removed, nil
}

func (r *remover) isStuck(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stuck[key]
}
