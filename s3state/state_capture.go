package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/s3versions"
)

// CaptureOptions configures Capture and Save.
type CaptureOptions struct {
	OnEvent func(Event)
	// skip leaves entries out; only for what is about to be removed.
	skip func(*Version) bool
}

// CaptureResult counts what a state holds.
type CaptureResult struct {
	Bucket        string
	TimeStart     time.Time
	TimeEnd       time.Time
	Objects       int64 // versions that are current: what Restore would copy
	ObjectBytes   int64
	Versions      int64 // all versions, current and old
	VersionBytes  int64
	DeleteMarkers int64
	// Check is the policy check of the bucket at the same time.
	Check *PolicyCheck
}

// Capture writes the state of a bucket as JSON: every version and delete marker, the
// ACL and the policy, as of one moment near the beginning of the call. The compressed
// state is first gathered in memory or in a temporary file; memory use does not grow
// with the bucket. What was written before an error is not a state.
//
// Errors: ErrNotVersioned, ErrBadListing, ErrChanging.
func (s *Store) Capture(ctx context.Context, bucket string, w io.Writer, opts CaptureOptions) (*CaptureResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	packed, res, err := s.packed(ctx, bucket, opts.skip, rep, func(*spool, *CaptureResult, stopwatch) error { return nil })
	if err != nil {
		return nil, err
	}
	defer packed.close()
	body, err := packed.reader()
	if err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(body)
	if err == nil {
		_, err = io.Copy(w, zip)
	}
	if err != nil {
		return nil, fmt.Errorf("write the state of bucket %s: %w", bucket, err)
	}
	return res, nil
}

// packed captures the state of a bucket, compressed, and gives it to use. It begins
// again as often as the bucket changes in a way that a listing cannot show, or use says
// so.
func (s *Store) packed(ctx context.Context, bucket string, skip func(*Version) bool, rep *reporter,
	use func(*spool, *CaptureResult, stopwatch) error) (*spool, *CaptureResult, error) {
	for try := 1; ; try++ {
		packed := &spool{}
		watch := s.stopwatch()
		zip, _ := gzip.NewWriterLevel(packed, gzip.DefaultCompression)
		res, err := s.capture(ctx, bucket, zip, skip, rep)
		if err == nil {
			err = zip.Close()
		}
		if err == nil {
			err = use(packed, res, watch)
		}
		if err == nil {
			return packed, res, nil
		}
		packed.close()
		var again *errAgain
		if !errors.As(err, &again) {
			return nil, nil, err
		}
		if try == captureTries {
			return nil, nil, fmt.Errorf("bucket %s: %w: %s, %d times in a row; try again later", bucket, ErrChanging, again.why, try)
		}
		s.log.Info("the capture of a state is begun again", "bucket", bucket, "why", again.why)
	}
}

// capture lists a bucket once. The error is an *errAgain if that does not show it at
// one moment.
func (s *Store) capture(ctx context.Context, bucket string, w io.Writer, skip func(*Version) bool, rep *reporter) (*CaptureResult, error) {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	start, watch := s.now(), s.stopwatch()
	var f *bucketConfig
	var seen *moment
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { f, err = s.bucketConfig(gctx, bucket); return err })
	g.Go(func() (err error) { seen, err = s.firstListed(gctx, bucket, nil); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if f.versioning != "Enabled" {
		return nil, fmt.Errorf("bucket %s: %w", bucket, ErrNotVersioned)
	}
	res := &CaptureResult{Bucket: bucket, TimeStart: start, Check: checkPolicy(bucket, f)}
	sw := newStateWriter(w)
	defer sw.close()
	if err := sw.begin(bucket, f, res.TimeStart); err != nil {
		return nil, err
	}
	err := s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if !seen.at(v) || skip != nil && skip(v) {
				continue
			}
			if err := sw.add(v); err != nil {
				return fmt.Errorf("write the state of bucket %s: %w", bucket, err)
			}
			res.count(v)
		}
		return nil
	})
	if err == nil {
		err = seen.stillThere(ctx, s, bucket, nil)
	}
	if err != nil {
		return nil, err
	}
	// The clock may be set back meanwhile, or the machine be suspended.
	res.TimeEnd = start.Add(max(s.now().Sub(start), watch.elapsed()))
	if err := sw.end(res.TimeEnd); err != nil {
		return nil, fmt.Errorf("write the state of bucket %s: %w", bucket, err)
	}
	return res, nil
}

func (r *CaptureResult) count(v *Version) {
	if v.DeleteMarker {
		r.DeleteMarkers++
		return
	}
	r.Versions++
	r.VersionBytes += v.Size
	if v.IsLatest {
		r.Objects++
		r.ObjectBytes += v.Size
	}
}
