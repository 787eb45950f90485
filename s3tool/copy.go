package s3tool

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/events"
)

// CopyOptions configures Copy.
type CopyOptions struct {
	// Recursive copies all that is below the source: a directory's files, or the
	// objects below "dir/" for "dir".
	Recursive bool
	// Input is read for the source "-", Output is written for the destination "-".
	Input  io.Reader
	Output io.Writer
	// OnEvent is called for each file or object after it was copied, serially.
	OnEvent func(Copied)
}

// Copied is one file or object that is complete at its destination.
type Copied struct {
	Source, Destination string
	Bytes               int64
	// Resumed counts bytes that an earlier, interrupted copy had transferred.
	Resumed int64
}

// CopyResult counts what was copied.
type CopyResult struct {
	Copied  int
	Bytes   int64
	Resumed int64
	// Skipped are local files that are neither regular files nor links to one.
	Skipped []string
}

// Copy copies from and to a local path or, written "s3://BUCKET/KEY", an object; one of
// them has to be an object. versionID chooses the version of a source object; "" is the
// current one. If the destination ends with a slash, is only a bucket, or is a
// directory, the copy keeps the name of the source.
//
// Between buckets the server copies. With Recursive, a [*PartialError] lists what could
// not be copied.
func (t *Tool) Copy(ctx context.Context, source, versionID, destination string, opts CopyOptions) (*CopyResult, error) {
	t = t.made()
	c := &copier{tool: t, ctx: ctx, opts: opts, result: &CopyResult{}, events: events.New(opts.OnEvent)}
	defer c.events.Stop()
	fromS3, toS3 := IsLocation(source), IsLocation(destination)
	if versionID != "" && (opts.Recursive || !fromS3) {
		return nil, fmt.Errorf("%w: a version id names one version of one object as the source", ErrInvalid)
	}
	var from, to Location
	var err error
	if fromS3 {
		if from, err = ParseLocation(source); err != nil {
			return nil, err
		}
		from.VersionID = versionID
	}
	if toS3 {
		if to, err = ParseLocation(destination); err != nil {
			return nil, err
		}
	}
	switch {
	case fromS3 && toS3:
		err = c.remote(from, to)
	case toS3:
		err = c.up(source, to)
	case fromS3:
		err = c.down(from, destination)
	default:
		err = fmt.Errorf("%w: neither %q nor %q begins with %s", ErrInvalid, source, destination, scheme)
	}
	return c.result, err
}

// copier is one call of Copy.
type copier struct {
	tool *Tool
	ctx  context.Context
	opts CopyOptions

	events *events.Emitter[Copied]

	mu     sync.Mutex
	result *CopyResult
}

func (c *copier) done(e Copied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Copied++
	c.result.Bytes += e.Bytes
	c.result.Resumed += e.Resumed
	c.events.Emit(e)
}

func (c *copier) skip(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Skipped = append(c.result.Skipped, name)
}

// many runs copies in parallel and gathers the failures. list calls its argument for
// each of them.
func (c *copier) many(op string, list func(start func(func() error)) error) error {
	failed := &PartialError{Op: op}
	fail := func(err error) {
		if err == nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		failed.Failed = append(failed.Failed, err)
	}
	var g errgroup.Group
	g.SetLimit(c.tool.parallel)
	err := list(func(one func() error) {
		if c.ctx.Err() != nil {
			return
		}
		g.Go(func() error {
			fail(one())
			return nil
		})
	})
	g.Wait() //nolint:errcheck // failures are in failed
	fail(err)
	if err := c.ctx.Err(); err != nil {
		failed.Failed = []error{err} // the others are consequences
	}
	if len(failed.Failed) > 0 {
		failed.Done = c.result.Copied
		return failed
	}
	return nil
}
