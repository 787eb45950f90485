package s3state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// DownloadOptions say what to bring where.
type DownloadOptions struct {
	Source string // bucket
	Moment Moment
	// Dir becomes the copy. It must not exist, be empty, or be an unfinished
	// copy of the same.
	Dir string
	// AllowUnverified as for Restore.
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
	Skipped        int64 // of Objects: a former run had brought them
	// Hashed counts objects whose bytes were found to be those of their name
	// (restic names objects by their SHA-256) or of their ETag (MD5).
	Hashed       int64
	Verification *Verification
	Duration     time.Duration
}

// downloadMark is in the directory as long as it is not complete.
const downloadMark = ".rwm-restore-unfinished.json"

// Download brings a bucket as of a moment into a local directory: each object
// a file named by its key. Of a restic repository that makes a repository in
// restic's local layout. Every object's bytes are compared with its name or its
// ETag before the file gets its name, so what is in the directory is right.
//
// Like Restore it first compares a state with the version history. Objects that
// cannot be had, whose bytes are wrong, or whose keys are no file names are
// listed in a *BatchError while the others are brought; running it again goes
// on where it stopped.
func (s *Store) Download(ctx context.Context, opts DownloadOptions) (*DownloadResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	started := time.Now()
	res := &DownloadResult{Source: opts.Source, Dir: opts.Dir, Moment: opts.Moment}
	defer func() { res.Duration = time.Since(started) }()
	if opts.Dir == "" {
		return res, fmt.Errorf("%w: no directory given", ErrInvalid)
	}
	if err := s.requireVersioned(ctx, opts.Source); err != nil {
		return res, err
	}
	p, saved, err := s.planOf(ctx, opts.Source, opts.Moment, ev)
	if err != nil {
		return res, err
	}
	defer p.close()
	if opts.Moment.StateKey != "" {
		res.Moment.StateVersion = saved.VersionID
	}
	root, err := openTarget(opts.Dir, opts.Source, res.Moment)
	if err != nil {
		return res, err
	}
	defer func() {
		if root != nil {
			root.Close()
		}
	}()
	res.Verification, err = s.verifyMoment(ctx, opts.Source, opts.Moment, p, saved, ev)
	if opts.AllowUnverified {
		err = tolerate(err)
	}
	if err != nil {
		return res, err
	}
	if root == nil {
		if root, err = makeTarget(opts.Dir, opts.Source, res.Moment); err != nil {
			return res, err
		}
	}
	d := &downloader{s: s, opts: opts, res: res, ev: ev, plan: p, root: root}
	if err := d.run(ctx); err != nil {
		return res, err
	}
	return res, root.Remove(downloadMark)
}

func markText(source string, m Moment) []byte {
	text, _ := json.Marshal(struct {
		Source string
		Moment Moment
	}{source, m})
	return text
}

// openTarget refuses directories with something else in them, before anything
// is made; nil means that the directory is to be made.
func openTarget(dir, source string, m Moment) (*os.Root, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look into the target directory: %w", err)
	case len(entries) == 0:
		return nil, nil
	}
	mark, err := os.ReadFile(filepath.Join(dir, downloadMark))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("directory %s is not empty: %w; choose another, nothing was changed", dir, ErrTargetExists)
	case err != nil:
		return nil, err
	case string(mark) != string(markText(source, m)):
		return nil, fmt.Errorf("directory %s holds an unfinished restore of something else: %w; choose another, nothing was changed", dir, ErrTargetExists)
	}
	return os.OpenRoot(dir)
}

func makeTarget(dir, source string, m Moment) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.WriteFile(downloadMark, markText(source, m), 0o600); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

type downloader struct {
	s    *Store
	opts DownloadOptions
	res  *DownloadResult
	ev   *reporter
	plan *plan
	root *os.Root

	mu     sync.Mutex
	failed BatchError
}

func (d *downloader) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.failed = BatchError{Op: "download", Bucket: d.opts.Source}
	parallel := d.opts.Parallel
	if parallel <= 0 {
		parallel = 16
	}
	r, err := d.plan.reader()
	if err != nil {
		return err
	}
	work := make(chan planned)
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
	switch {
	case d.failed.Total > 0:
		d.failed.Next = fmt.Sprintf("%d of %d objects are in %s; run the same again to go on", d.res.Objects, d.plan.count, d.opts.Dir)
		return &d.failed
	case context.Cause(ctx) != nil:
		return fmt.Errorf("download from bucket %s: %w; %d of %d objects are in %s, run the same again to go on",
			d.opts.Source, context.Cause(ctx), d.res.Objects, d.plan.count, d.opts.Dir)
	}
	return err
}

func (d *downloader) settle(ctx context.Context, cancel context.CancelCauseFunc, o planned, got fileResult, err error) {
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
	d.ev.emit(CopyProgress{
		Objects: d.res.Objects, TotalObjects: d.plan.count, Bytes: d.res.Bytes, TotalBytes: d.plan.bytes, Skipped: d.res.Skipped,
	})
}
