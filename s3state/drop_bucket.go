package s3state

import (
	"context"
	"errors"
	"fmt"

	"github.com/cesnet/rwm/internal/buckets"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// DeleteOptions configures Delete.
type DeleteOptions struct {
	OnEvent func(Event)
}

// DeleteResult counts what Delete removed.
type DeleteResult struct {
	Bucket        string
	Versions      int64
	DeleteMarkers int64
	Bytes         int64
	BucketRemoved bool
}

// Delete removes every version and delete marker of a bucket, then the bucket. If
// object lock still keeps a version, it touches nothing and returns a *LockedError. If
// some cannot be removed, the bucket stays and the error is a *BatchError; the result
// counts what is gone.
//
// Errors: ErrLocked, ErrNotEmpty, *BatchError.
func (s *Store) Delete(ctx context.Context, bucket string, opts DeleteOptions) (*DeleteResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	res := &DeleteResult{Bucket: bucket}
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return res, err
	}
	fail := func(err error) (*DeleteResult, error) {
		return res, endedEarly(ctx, fmt.Errorf("delete bucket %s: %w", bucket, err), "delete bucket", bucket)
	}
	if err := s.requireOwner(ctx, bucket); err != nil {
		return fail(fmt.Errorf("%w; nothing was changed", err))
	}
	// Removing what is not locked would bring back to life what markers hide.
	if err := s.refuseLocked(ctx, bucket, func(concerned func(Version) error) error {
		return s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
			for _, v := range entries {
				if err := concerned(v); err != nil {
					return err
				}
			}
			return nil
		})
	}); err != nil {
		return fail(err)
	}
	// The host may go on writing for as long as the bucket exists.
	for pass := 0; ; pass++ {
		n, err := s.removeAll(ctx, bucket, res, rep)
		if err != nil {
			var batch *BatchError
			if errors.As(err, &batch) {
				batch.Next = fmt.Sprintf("versions and markers gone: %d; the bucket is still there", res.Versions+res.DeleteMarkers)
				return res, batch
			}
			gone := fmt.Sprintf("versions and markers gone: %d; the bucket is still there", res.Versions+res.DeleteMarkers)
			return res, ended(ctx, fmt.Errorf("delete bucket %s (%s): %w", bucket, gone, err), StepError{
				Op: "delete bucket", Bucket: bucket, Step: "remove the versions", Left: gone, Next: "run the same again",
			})
		}
		if n == 0 || pass == 4 {
			break
		}
	}
	err := s3err.Wrap(buckets.Remove(ctx, s.client, bucket), "remove bucket %s", bucket)
	if errors.Is(err, ErrNotEmpty) {
		// To some servers, uploads that were never completed count as content.
		if s.abortUploads(ctx, bucket) > 0 {
			err = s3err.Wrap(buckets.Remove(ctx, s.client, bucket), "remove bucket %s", bucket)
		}
	}
	if err != nil {
		if errors.Is(err, ErrNotEmpty) {
			err = fmt.Errorf("%w; something is still writing to it, or holds locks on its objects", err)
		}
		return res, ended(ctx, err, StepError{Op: "delete bucket", Bucket: bucket, Step: "remove the bucket",
			Left: "everything in it is gone, and the bucket may be", Next: "if storage-list shows it, run the same again"})
	}
	s.bucketIsNew(bucket)
	res.BucketRemoved = true
	rep.emit(StepDone{Bucket: bucket, Step: "remove the bucket"})
	s.s3.Forget(bucket)
	return res, nil
}

// removeAll removes what one listing finds.
func (s *Store) removeAll(ctx context.Context, bucket string, res *DeleteResult, rep *reporter) (found int64, err error) {
	r := s.newRemover(ctx, "delete bucket", bucket, rep)
	err = s.listVersions(r.ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			found++
			if err := r.add(*v); err != nil {
				return err
			}
		}
		return nil
	})
	removed, rerr := r.finish()
	res.Versions += removed.Versions
	res.DeleteMarkers += removed.DeleteMarkers
	res.Bytes += removed.Bytes
	if rerr != nil {
		return found, rerr
	}
	return found, err
}

func (s *Store) abortUploads(ctx context.Context, bucket string) (aborted int) {
	var all []s3versions.Upload
	for u, err := range s.uploads(ctx, bucket) {
		if err != nil {
			return 0
		}
		if all = append(all, u); len(all) == mostUploads {
			break
		}
	}
	for _, u := range all {
		if s.abortUpload(ctx, bucket, u) == nil {
			aborted++
		}
	}
	return aborted
}
