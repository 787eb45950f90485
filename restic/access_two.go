package restic

import (
	"context"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

// runWith runs fn with the repositories of two sessions, each accessed as said. Both
// are locked and read at the same time, so neither waits for the requests of the other.
// fn is a part of other's operation; its context ends with either.
//
// If both fail, the error is that of the first one.
func (s *Session) runWith(ctx context.Context, a access, other *Session, b access, fn func(ctx context.Context, mine, others *engrepository.Repository) error) error {
	type opened struct {
		ctx  context.Context
		repo *engrepository.Repository
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	ready := make(chan opened, 1)
	over := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) error {
			ready <- opened{ctx, repo}
			select {
			case <-over:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			fail(&oneFailed{err})
		}
		done <- err
	}()
	err := other.run(ctx, b, func(ctx context.Context, others *engrepository.Repository) error {
		select {
		case mine := <-ready:
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)
			defer context.AfterFunc(mine.ctx, func() { end(context.Cause(mine.ctx)) })()
			return fn(ctx, mine.repo, others)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		fail(nil)
	}
	close(over)
	mine := <-done
	if first, ok := context.Cause(ctx).(*oneFailed); ok {
		return first.error
	}
	if err != nil {
		return err
	}
	return mine
}

// oneFailed is the cause that ends one side when the other has failed.
type oneFailed struct{ error }

func (e *oneFailed) Unwrap() error { return e.error }
