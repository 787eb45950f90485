package s3state

import (
	"context"
	"errors"
	"fmt"
)

// DeleteOptions refine Delete.
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

// Delete removes every version and delete marker of a bucket, then the bucket.
// If some could not be removed, the bucket stays and the error is a
// *BatchError; the result says what is gone.
func (s *Store) Delete(ctx context.Context, bucket string, opts DeleteOptions) (*DeleteResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	res := &DeleteResult{Bucket: bucket}
	if err := checkBucketName(bucket); err != nil {
		return res, err
	}
	if err := s.requireOwner(ctx, bucket); err != nil {
		return res, fmt.Errorf("delete bucket %s: %w; nothing was changed", bucket, err)
	}
	// The host may go on writing for as long as the bucket exists.
	for pass := 0; ; pass++ {
		n, err := s.removeAll(ctx, bucket, res, ev)
		if err != nil {
			var batch *BatchError
			if errors.As(err, &batch) {
				batch.Next = fmt.Sprintf("%d versions and markers are gone, the bucket is still there", res.Versions+res.DeleteMarkers)
				return res, batch
			}
			return res, fmt.Errorf("delete bucket %s (%d versions and markers are gone): %w", bucket, res.Versions+res.DeleteMarkers, err)
		}
		if n == 0 || pass == 4 {
			break
		}
	}
	err := wrap(s.client.RemoveBucket(ctx, bucket), "remove bucket %s", bucket)
	if errors.Is(err, ErrNotEmpty) {
		// Uploads that were never completed count for some servers.
		if s.abortUploads(ctx, bucket) > 0 {
			err = wrap(s.client.RemoveBucket(ctx, bucket), "remove bucket %s", bucket)
		}
	}
	if err != nil {
		if errors.Is(err, ErrNotEmpty) {
			err = fmt.Errorf("%w; something is still writing to it, or holds locks on its objects", err)
		}
		return res, err
	}
	res.BucketRemoved = true
	ev.emit(StepDone{Bucket: bucket, Step: "remove the bucket"})
	s.mu.Lock()
	delete(s.base, bucket)
	s.mu.Unlock()
	return res, nil
}

// removeAll removes what one listing finds.
func (s *Store) removeAll(ctx context.Context, bucket string, res *DeleteResult, ev *reporter) (found int64, err error) {
	r := s.newRemover(ctx, "delete bucket", bucket, ev)
	err = s.listVersions(r.ctx, bucket, "", nil, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			found++
			if err := r.add(doomed{key: v.Key, version: v.VersionID, size: v.Size, marker: v.DeleteMarker}); err != nil {
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
	for u := range s.client.ListIncompleteUploads(ctx, bucket, "", true) {
		if u.Err != nil {
			return aborted
		}
		if s.core.AbortMultipartUpload(ctx, bucket, u.Key, u.UploadID) == nil {
			aborted++
		}
	}
	return aborted
}

// requireOwner refuses, before anything is changed, credentials that are
// plainly not the admin's. Where the server does not tell who is asking, the
// attempt will show.
func (s *Store) requireOwner(ctx context.Context, bucket string) error {
	acl, err := s.getACL(ctx, bucket)
	if err != nil {
		if errors.Is(err, ErrAccessDenied) {
			return nil
		}
		return err
	}
	caller, _, err := s.ownBuckets(ctx)
	if err != nil || caller.ID == "" || acl.Owner.ID == "" || caller.ID == acl.Owner.ID {
		return nil
	}
	return fmt.Errorf("%w: the bucket belongs to %s, these are the credentials of %s", ErrAccessDenied, acl.Owner.ID, caller.ID)
}
