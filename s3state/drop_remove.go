package s3state

import (
	"context"
	"errors"
	"sync"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3err"
)

// Small batches, many at once, are faster on Ceph and stay clear of timeouts.
const (
	batchSize    = 250
	batchWorkers = 16
)

// remover deletes versions in parallel batches, as they are found. A delete marker that
// hides older versions goes last, and only if all of those are gone: otherwise an
// interruption would bring the deleted object back.
type remover struct {
	s      *Store
	outer  context.Context // of the operation
	ctx    context.Context
	cancel context.CancelCauseFunc
	bucket string
	rep    *reporter

	work chan []Version
	wg   sync.WaitGroup
	next []Version // batch being gathered

	mu      sync.Mutex
	failed  BatchError
	stuck   map[string]bool // keys with a version that was not removed
	removed removedCount
}

type removedCount struct {
	Versions, DeleteMarkers int64
	States                  int64 // of Versions
	Bytes                   int64
}

func (s *Store) newRemover(ctx context.Context, op, bucket string, rep *reporter) *remover {
	r := &remover{s: s, outer: ctx, bucket: bucket, rep: rep, work: make(chan []Version), stuck: make(map[string]bool)}
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

// add queues one version; it fails once the operation was aborted.
func (r *remover) add(v Version) error {
	r.next = append(r.next, v)
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
		r.keep(batch)
		return reqctx.Cause(r.outer, r.ctx)
	}
}

func (r *remover) remove(batch []Version) {
	if r.ctx.Err() != nil {
		r.keep(batch)
		return
	}
	errs, err := r.s.observed(r.rep).Delete(r.ctx, r.bucket, batch)
	if err != nil {
		r.keep(batch)
		r.cancel(err)
		return
	}
	r.mu.Lock()
	denied := 0
	for i := range batch {
		v := &batch[i]
		if errs[i] != nil {
			r.failed.add(KeyError{Key: v.Key, VersionID: v.VersionID, Err: errs[i]})
			r.stuck[v.Key] = true
			if s3err.Forbidden(errs[i]) {
				denied++
			}
			continue
		}
		if v.DeleteMarker {
			r.removed.DeleteMarkers++
		} else {
			r.removed.Versions++
			r.removed.Bytes += v.Size
			if isState(v) {
				r.removed.States++
			}
		}
	}
	progress := DeleteProgress{Bucket: r.bucket, Deleted: r.removed.Versions + r.removed.DeleteMarkers, Bytes: r.removed.Bytes, Failed: int64(r.failed.Total)}
	r.mu.Unlock()
	r.rep.emit(progress)
	if denied == len(batch) && progress.Deleted == 0 {
		// No deletion was allowed so far: these are not the admin's credentials.
		// (Locked versions are denied to the admin, too, but not all are locked.)
		r.cancel(errDenied)
	}
}

// keep notes what was not tried, or not to the end: the markers of it stay, too.
func (r *remover) keep(batch []Version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range batch {
		r.stuck[batch[i].Key] = true
	}
}

var errDenied = errors.New("no version may be deleted with these credentials")

// finish waits for the requests in flight and returns the error of the operation, a
// *BatchError if some versions failed.
func (r *remover) finish() (removedCount, error) {
	ferr := r.flush()
	close(r.work)
	r.wg.Wait()
	cause := reqctx.Cause(r.outer, r.ctx)
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
