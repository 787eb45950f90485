package restic

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// parallelBatches is how many batches are removed at the same time.
const parallelBatches = 4

// postponement collects the engine's removals, so that they can be done afterwards in
// large batches. The engine believes that they are done; by itself it would run no more
// of them at a time than there are connections.
type postponement struct {
	mu    sync.Mutex
	names map[engbackend.FileType][]string
}

// postpone collects removals of snapshots, indexes and packs until the returned
// function is called. Only an exclusive operation may call it.
func (s *Session) postpone() (p *postponement, stop func()) {
	p = &postponement{names: make(map[engbackend.FileType][]string)}
	s.stack.postponed.Store(p)
	return p, func() { s.stack.postponed.Store(nil) }
}

// take reports whether the removal is postponed.
func (p *postponement) take(h engbackend.Handle) bool {
	switch h.Type {
	case engbackend.SnapshotFile, engbackend.IndexFile, engbackend.PackFile:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.names[h.Type] = append(p.names[h.Type], h.Name)
		return true
	}
	return false
}

// removeAll removes objects, as many as possible with each request. done is called with
// the outcome of each name, one at a time.
func (s *Session) removeAll(ctx context.Context, t engbackend.FileType, names []string, done func(name string, err error)) {
	var mu sync.Mutex
	report := func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil && t == engbackend.IndexFile {
			s.stack.note(&s.stack.indexes, name, false)
		}
		done(name, err)
	}
	if be, ok := unwrap[*s3Backend](s.stack); ok && len(names) > 1 {
		names = removeBatches(ctx, be, t, names, report)
	}
	// Names that failed in a batch are retried one by one, as often as any other
	// request.
	var g errgroup.Group
	g.SetLimit(int(s.stack.Properties().Connections))
	for _, name := range names {
		g.Go(func() error {
			err := ctx.Err()
			if err == nil {
				err = s.stack.Remove(ctx, engbackend.Handle{Type: t, Name: name})
			}
			report(name, err)
			return nil
		})
	}
	_ = g.Wait()
}

// removeBatches returns the names that could not be removed.
func removeBatches(ctx context.Context, be *s3Backend, t engbackend.FileType, names []string, report func(name string, err error)) (failed []string) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(parallelBatches)
	for batch := range slices.Chunk(names, maxBatch) {
		g.Go(func() error {
			keys := make([]string, len(batch))
			for i, name := range batch {
				keys[i] = be.layout.Filename(engbackend.Handle{Type: t, Name: name})
			}
			outcome := be.removeMany(ctx, keys)
			for i, name := range batch {
				if outcome[keys[i]] == nil {
					report(name, nil)
					continue
				}
				mu.Lock()
				failed = append(failed, name)
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait()
	return failed
}
