package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// maxBatch is how many keys DeleteObjects takes.
const maxBatch = 1000

// Remove removes an object; one that is not there is no error. Removals requested while
// others are in progress are combined into one request.
func (b *s3Backend) Remove(ctx context.Context, h engbackend.Handle) error {
	return b.removals.remove(ctx, b.layout.Filename(h))
}

func (b *s3Backend) removeOne(ctx context.Context, key string) error {
	w, ctx := b.watch(ctx)
	defer w.stop()
	err := b.client.RemoveObject(ctx, b.bucket, key, minio.RemoveObjectOptions{})
	if err != nil {
		err = w.explain(b.fail("DELETE", key, err), func() error { return b.fail("DELETE", key, errStalled) })
		if b.IsNotExist(err) {
			return nil
		}
		return err
	}
	b.answered.Store(true)
	return nil
}

// removeMany returns the outcome of each key. A key the server does not mention has
// failed.
func (b *s3Backend) removeMany(ctx context.Context, keys []string) map[string]error {
	w, ctx := b.watch(ctx)
	defer w.stop()
	outcome := make(map[string]error, len(keys))
	for _, key := range keys {
		outcome[key] = b.fail("DELETE", key, errors.New("the answer to a batch delete does not mention it"))
	}
	objects := make(chan minio.ObjectInfo, len(keys))
	for _, key := range keys {
		objects <- minio.ObjectInfo{Key: key}
	}
	close(objects)
	for res := range b.client.RemoveObjectsWithResult(ctx, b.bucket, objects, minio.RemoveObjectsOptions{}) {
		w.touch()
		if _, asked := outcome[res.ObjectName]; !asked {
			continue
		}
		err := res.Err
		if err != nil {
			err = w.explain(b.fail("DELETE", res.ObjectName, err), func() error { return b.fail("DELETE", res.ObjectName, errStalled) })
			if b.IsNotExist(err) {
				err = nil
			}
		}
		outcome[res.ObjectName] = err
	}
	return outcome
}

// removals batches keys. The first key is sent at once; those that arrive meanwhile are
// sent together when it is done, so no key waits for a batch to fill.
type removals struct {
	one  func(ctx context.Context, key string) error
	many func(ctx context.Context, keys []string) map[string]error

	mu      sync.Mutex
	busy    bool
	waiting []*removal
}

type removal struct {
	ctx  context.Context
	key  string
	done chan error // buffered, so that no receiver is needed
}

func newRemovals(one func(context.Context, string) error, many func(context.Context, []string) map[string]error) *removals {
	return &removals{one: one, many: many}
}

func (r *removals) remove(ctx context.Context, key string) error {
	me := &removal{ctx: ctx, key: key, done: make(chan error, 1)}
	r.mu.Lock()
	if r.busy {
		r.waiting = append(r.waiting, me)
		r.mu.Unlock()
	} else {
		r.busy = true
		r.mu.Unlock()
		go r.run(me)
	}
	select {
	case err := <-me.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("removing %s: %w", key, ctx.Err())
	}
}

// run removes the given keys, then those that have arrived meanwhile, until none is
// left.
func (r *removals) run(batch ...*removal) {
	for len(batch) > 0 {
		r.flush(batch)
		r.mu.Lock()
		n := min(len(r.waiting), maxBatch)
		batch = slices.Clone(r.waiting[:n])
		r.waiting = slices.Delete(r.waiting, 0, n)
		r.busy = n > 0
		r.mu.Unlock()
	}
}

func (r *removals) flush(batch []*removal) {
	batch = slices.DeleteFunc(batch, func(m *removal) bool { return m.ctx.Err() != nil })
	if len(batch) == 0 {
		return
	}
	if len(batch) == 1 {
		batch[0].done <- r.one(batch[0].ctx, batch[0].key)
		return
	}
	// the request ends when no caller waits for it any more
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	defer cancel()
	var left sync.WaitGroup
	keys := make([]string, 0, len(batch))
	for _, m := range batch {
		left.Add(1)
		stop := context.AfterFunc(m.ctx, left.Done)
		defer func() {
			if stop() {
				left.Done()
			}
		}()
		if !slices.Contains(keys, m.key) {
			keys = append(keys, m.key)
		}
	}
	go func() { left.Wait(); cancel() }()
	outcome := r.many(ctx, keys)
	for _, m := range batch {
		m.done <- outcome[m.key]
	}
}
