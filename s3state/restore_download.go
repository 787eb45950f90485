package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/reqctx"
)

// DownloadOptions name what to download, and where to.
type DownloadOptions struct {
	Source string // bucket
	Moment Moment
	// Dir becomes the copy. It must not exist, be empty, or be an unfinished
	// copy of the same.
	Dir string
	// AllowUnverified: see RestoreOptions.
	AllowUnverified bool
	Parallel        int // downloads at once; 0 for 16
	OnEvent         func(Event)
}

// DownloadResult describes a completed download.
type DownloadResult struct {
	Source, Dir    string
	Moment         Moment
	Objects, Bytes int64
	Downloaded     int64 // of Objects
	Skipped        int64 // of Objects: brought by an earlier run
	// Hashed counts objects whose bytes match their name (restic names objects by their
	// SHA-256) or their ETag (MD5).
	Hashed int64
	// Locks and LocksLeftOut are those of RestoreResult.
	Locks, LocksLeftOut int64
	Verification        *Verification
	Seconds             float64 // how long it took
}

// Download brings a bucket as of a moment into a local directory: each object a file
// named by its key. A restic repository becomes one in restic's local layout. Every
// object's bytes are compared with its name or its ETag before the file gets its name,
// so what is in the directory is right.
//
// Like Restore it first compares a state with the version history. Objects that cannot
// be read, whose bytes are wrong, or whose keys are no file names are listed in a
// *BatchError, while the others are downloaded. Running it again continues where it
// stopped.
//
// Errors: ErrNoState, ErrBadState, ErrMissing, ErrStateDiffers, ErrNotVersioned,
// ErrTargetExists (the directory holds something else), *BatchError.
func (s *Store) Download(ctx context.Context, opts DownloadOptions) (*DownloadResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	started := time.Now()
	res := &DownloadResult{Source: opts.Source, Dir: opts.Dir, Moment: opts.Moment}
	// What ends after the first object says what is in the directory.
	err := endedEarly(ctx, s.download(ctx, opts, res, rep), opDownload, opts.Source)
	res.Seconds = time.Since(started).Seconds()
	return res, err
}

const opDownload = "download from bucket"

func (s *Store) download(ctx context.Context, opts DownloadOptions, res *DownloadResult, rep *reporter) error {
	if opts.Dir == "" {
		return fmt.Errorf("%w: no directory given", ErrInvalid)
	}
	if err := s.requireVersioned(ctx, opts.Source); err != nil {
		return err
	}
	p, saved, leftOut, err := s.restorable(ctx, opts.Source, opts.Moment, rep)
	if err != nil {
		return err
	}
	defer p.close()
	res.Locks, res.LocksLeftOut = p.locks, leftOut
	if opts.Moment.StateKey != "" {
		res.Moment.StateVersion = saved.VersionID
	}
	root, err := openTarget(opts.Dir, opts.Source, res.Moment)
	if err != nil {
		return err
	}
	defer func() {
		if root != nil {
			root.Close()
		}
	}()
	res.Verification, err = s.verifyMoment(ctx, opts.Source, opts.Moment, p, saved, rep)
	if opts.AllowUnverified {
		err = tolerate(err)
	}
	if err != nil {
		return err
	}
	if root == nil {
		if root, err = makeTarget(opts.Dir, opts.Source, res.Moment); err != nil {
			return err
		}
	}
	d := &downloader{s: s, opts: opts, res: res, rep: rep, manifest: p, root: root}
	if err := d.run(ctx); err != nil {
		return err
	}
	return root.Remove(downloadMark)
}

type downloader struct {
	s        *Store
	opts     DownloadOptions
	res      *DownloadResult
	rep      *reporter
	manifest *manifest
	root     *os.Root

	mu     sync.Mutex
	failed BatchError
}

func (d *downloader) run(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	d.failed = BatchError{Op: "download", Bucket: d.opts.Source}
	parallel := d.opts.Parallel
	if parallel <= 0 {
		parallel = 16
	}
	r, err := d.manifest.reader()
	if err != nil {
		return err
	}
	work := make(chan entry)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for o := range work {
				if ctx.Err() == nil {
					got, err := d.object(ctx, o)
					d.settle(ctx, cancel, o, got, err)
				}
			}
		})
	}
	for ctx.Err() == nil {
		o, rerr := r.next()
		if rerr != nil {
			if !errors.Is(rerr, io.EOF) {
				err = rerr
			}
			break
		}
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	inPlace := fmt.Sprintf("%d of %s %s in %s", d.res.Objects, plural.Of(d.manifest.count, "object"), plural.Are(d.res.Objects), d.opts.Dir)
	switch {
	case d.failed.Total > 0:
		d.failed.Next = inPlace + "; run the same again to go on"
		return &d.failed
	case ctx.Err() != nil:
		err := fmt.Errorf("download from bucket %s: %w; %s, run the same again to go on", d.opts.Source, reqctx.Cause(outer, ctx), inPlace)
		return ended(ctx, err, StepError{Op: opDownload, Bucket: d.opts.Source, Step: "copy the objects", Left: inPlace, Next: "run the same again to go on"})
	}
	return err
}

func (d *downloader) settle(ctx context.Context, cancel context.CancelCauseFunc, o entry, got fileResult, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			d.failed.add(KeyError{o.Key, o.VersionID, err})
			var pe *fs.PathError
			if hopeless(err) || d.failed.Total >= maxListed || errors.As(err, &pe) && diskFull(pe) {
				cancel(err)
			}
		}
		return
	}
	d.res.Objects++
	d.res.Bytes += o.Size
	if got.skipped {
		d.res.Skipped++
	} else {
		d.res.Downloaded++
	}
	if got.hashed {
		d.res.Hashed++
	}
	d.rep.emit(CopyProgress{
		Objects: d.res.Objects, TotalObjects: d.manifest.count, Bytes: d.res.Bytes, TotalBytes: d.manifest.bytes, Skipped: d.res.Skipped,
	})
}
