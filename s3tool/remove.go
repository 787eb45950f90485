package s3tool

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/s3versions"
)

// RemoveOptions configures Remove.
type RemoveOptions struct {
	// Recursive removes all objects below the location, as in a directory: those below
	// "dir/" for "dir", but neither "dir2" nor an object "dir".
	Recursive bool
	// Versions removes every version and delete marker for good. Otherwise a versioned
	// bucket keeps the object's versions.
	Versions bool
	// DryRun only reports.
	DryRun bool
	// OnEvent is called for each object or version after it was removed, serially.
	OnEvent func(Removed)
}

// Removed is one object or version that is gone.
type Removed struct{ Location }

// RemoveResult counts what was removed.
type RemoveResult struct{ Removed int }

// Remove removes an object, or the version of it that at names, or more (see
// [RemoveOptions]). An object that does not exist is an error unless Recursive is set.
// A [*PartialError] lists what could not be removed.
func (t *Tool) Remove(ctx context.Context, at Location, opts RemoveOptions) (*RemoveResult, error) {
	t = t.made()
	r := &removal{tool: t, opts: opts, events: events.New(opts.OnEvent)}
	defer r.events.Stop()
	if opts.Recursive {
		if at.VersionID != "" {
			return nil, fmt.Errorf("%w: a version id names one object, it cannot be removed recursively", ErrInvalid)
		}
		return r.all(ctx, at.below())
	}
	if err := at.object(); err != nil {
		return nil, err
	}
	if opts.Versions {
		return r.all(ctx, at)
	}
	return r.one(ctx, at)
}

// removal is one call of Remove.
type removal struct {
	tool   *Tool
	opts   RemoveOptions
	events *events.Emitter[Removed]
}

func (r *removal) one(ctx context.Context, at Location) (*RemoveResult, error) {
	if at.VersionID == "" {
		// S3 reports success for what is not there, which hides a mistyped key.
		if _, err := r.tool.Stat(ctx, at); err != nil {
			return nil, err
		}
	}
	if !r.opts.DryRun {
		err := r.tool.again(ctx, at.Bucket, "remove", 0, func(ctx context.Context) error {
			return r.tool.client.RemoveObject(ctx, at.Bucket, at.Key, minio.RemoveObjectOptions{VersionID: at.VersionID})
		})
		if err != nil {
			return nil, explain(err, "remove", at)
		}
	}
	r.events.Emit(Removed{at})
	return &RemoveResult{Removed: 1}, nil
}

// deleteBatch is how many objects one request removes. A server works through them one
// after the other: several small requests at once are faster than one large one.
const deleteBatch = 250

// all lists and removes in batches, both at once.
func (r *removal) all(ctx context.Context, at Location) (*RemoveResult, error) {
	outer := ctx
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)
	b := &batches{removal: r, at: at, result: &RemoveResult{}, failed: &PartialError{Op: "remove " + at.String()}, stop: stop}
	b.group.SetLimit(r.tool.parallel)
	var open []s3versions.Version
	send := func() {
		if batch := open; len(batch) > 0 && ctx.Err() == nil {
			b.group.Go(func() error { b.remove(ctx, batch); return nil })
		}
		open = nil
	}
	err := r.each(ctx, at, func(v s3versions.Version) bool {
		if open = append(open, v); len(open) == deleteBatch {
			send()
		}
		return ctx.Err() == nil
	})
	send()
	b.group.Wait() //nolint:errcheck // failures are in failed
	if cause := reqctx.Cause(outer, ctx); cause != nil {
		err = cause
	}
	if err != nil && !errors.Is(err, errAllFail) {
		b.failed.Failed = append(b.failed.Failed, err)
	}
	if len(b.failed.Failed) > 0 {
		b.failed.Done = b.result.Removed
		return b.result, b.failed
	}
	return b.result, nil
}

// errAllFail ends a removal of which every further request would fail like one before.
var errAllFail = errors.New("further requests would fail too")

// batches are the requests of one removal.
type batches struct {
	*removal
	at    Location
	group errgroup.Group
	stop  context.CancelCauseFunc

	mu     sync.Mutex
	result *RemoveResult
	failed *PartialError
}

func (b *batches) remove(ctx context.Context, batch []s3versions.Version) {
	var errs []error
	var whole error // of the request
	if !b.opts.DryRun {
		errs, whole = b.tool.versions.Delete(ctx, b.at.Bucket, batch)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if whole != nil && ctx.Err() != nil {
		return
	}
	for i, v := range batch {
		at, err := Location{b.at.Bucket, v.Key, v.VersionID}, whole
		if err == nil && errs != nil {
			err = errs[i]
		}
		if err != nil {
			b.failed.Failed = append(b.failed.Failed, explain(err, "remove", at))
			continue
		}
		b.result.Removed++
		b.events.Emit(Removed{at})
	}
	for _, hopeless := range []error{ErrCredentials, ErrNoBucket, ErrUnreachable} {
		if errors.Is(whole, hopeless) {
			b.stop(errAllFail)
		}
	}
}

// each calls fn for what is to be removed until it returns false.
func (r *removal) each(ctx context.Context, at Location, fn func(s3versions.Version) bool) error {
	if r.opts.Versions {
		for v, err := range r.tool.Versions(ctx, at) {
			if err != nil {
				return err
			}
			if !r.opts.Recursive && v.Key != at.Key {
				return nil // the first key that only begins with it
			}
			if !fn(v) {
				return ctx.Err()
			}
		}
		return nil
	}
	for e, err := range r.tool.List(ctx, at, true) {
		if err != nil {
			return err
		}
		if !fn(s3versions.Version{Key: e.Key}) {
			return ctx.Err()
		}
	}
	return nil
}
