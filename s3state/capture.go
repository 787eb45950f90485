package s3state

import (
	"context"
	"fmt"
	"io"
	"time"
)

// CaptureOptions refine Capture and Save.
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

// Capture writes the state of a bucket as JSON: every version and delete
// marker, the ACL and the policy. It is written as it is listed; memory use
// does not grow with the bucket. After an error, what was written is not a
// state.
//
// Errors: ErrNoBucket, ErrNotVersioned, ErrAccessDenied, ErrBadListing.
func (s *Store) Capture(ctx context.Context, bucket string, w io.Writer, opts CaptureOptions) (*CaptureResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	return s.capture(ctx, bucket, w, opts.skip, ev)
}

func (s *Store) capture(ctx context.Context, bucket string, w io.Writer, skip func(*Version) bool, ev *reporter) (*CaptureResult, error) {
	f, err := s.facts(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if f.versioning != "Enabled" {
		return nil, fmt.Errorf("bucket %s: %w", bucket, ErrNotVersioned)
	}
	res := &CaptureResult{Bucket: bucket, TimeStart: s.now(), Check: checkPolicy(bucket, f)}
	sw := newStateWriter(w)
	defer sw.close()
	if err := sw.begin(bucket, f, res.TimeStart); err != nil {
		return nil, err
	}
	err = s.listVersions(ctx, bucket, "", ev, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if skip != nil && skip(v) {
				continue
			}
			if err := sw.add(v); err != nil {
				return fmt.Errorf("write the state of bucket %s: %w", bucket, err)
			}
			res.count(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	res.TimeEnd = s.now()
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
