package s3tool

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/events"
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
		err := r.tool.client.RemoveObject(ctx, at.Bucket, at.Key, minio.RemoveObjectOptions{VersionID: at.VersionID})
		if err != nil {
			return nil, explain(err, "remove", at)
		}
	}
	r.events.Emit(Removed{at})
	return &RemoveResult{Removed: 1}, nil
}

// all lists and removes in batches, both at once.
func (r *removal) all(ctx context.Context, at Location) (*RemoveResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := &PartialError{Op: "remove " + at.String()}
	queue := make(chan minio.ObjectInfo)
	var listErr error
	go func() {
		defer close(queue)
		listErr = r.each(ctx, at, func(o minio.ObjectInfo) bool {
			select {
			case queue <- o:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	result := &RemoveResult{}
	done := func(o minio.ObjectInfo) {
		result.Removed++
		r.events.Emit(Removed{Location{at.Bucket, o.Key, o.VersionID}})
	}
	if r.opts.DryRun {
		for o := range queue {
			done(o)
		}
	} else {
		for o := range r.tool.client.RemoveObjectsWithResult(ctx, at.Bucket, queue, minio.RemoveObjectsOptions{}) {
			if o.Err != nil {
				failed.Failed = append(failed.Failed, explain(o.Err, "remove", Location{at.Bucket, o.ObjectName, o.ObjectVersionID}))
				continue
			}
			done(minio.ObjectInfo{Key: o.ObjectName, VersionID: o.ObjectVersionID})
		}
		for range queue { //nolint:revive // the listing has to end before its error is read
		}
	}
	if listErr != nil {
		failed.Failed = append(failed.Failed, listErr)
	}
	if len(failed.Failed) > 0 {
		failed.Done = result.Removed
		return result, failed
	}
	return result, nil
}

// each calls fn for what is to be removed until it returns false.
func (r *removal) each(ctx context.Context, at Location, fn func(minio.ObjectInfo) bool) error {
	if r.opts.Versions {
		for v, err := range r.tool.Versions(ctx, at) {
			if err != nil {
				return err
			}
			if !r.opts.Recursive && v.Key != at.Key {
				return nil // the first key that only begins with it
			}
			if !fn(minio.ObjectInfo{Key: v.Key, VersionID: v.VersionID}) {
				return ctx.Err()
			}
		}
		return nil
	}
	for e, err := range r.tool.List(ctx, at, true) {
		if err != nil {
			return err
		}
		if !fn(minio.ObjectInfo{Key: e.Key}) {
			return ctx.Err()
		}
	}
	return nil
}
