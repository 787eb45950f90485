package s3state

import (
	"context"
	"iter"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// dropUploads aborts the uploads in parts that were never completed. They take space,
// appear in no listing of versions, and the host may not abort them. Those that may
// still be in progress, or be resumed, are left until they are uploadDays old, see
// mayGoOn. With dry set it only counts.
func (s *Store) dropUploads(ctx context.Context, bucket string, now time.Time, dry bool, res *DropResult) error {
	failed := &BatchError{Op: "drop versions of bucket", Bucket: bucket}
	// Aborting during a listing may make the server skip some, so list all first.
	old, err := s.oldUploads(ctx, bucket, now.AddDate(0, 0, -uploadDays), res)
	if err != nil {
		return s3err.Wrap(err, "list the unfinished uploads of bucket %s", bucket)
	}
	if dry {
		res.Uploads += int64(len(old))
		return nil
	}
	var mu sync.Mutex // guards res and failed
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(batchWorkers, s.parallel))
	for _, u := range old {
		g.Go(func() error {
			err := s.abortUpload(gctx, bucket, u)
			if gctx.Err() != nil {
				return gctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed.add(KeyError{Key: u.Key, Err: err})
			} else {
				res.Uploads++
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if failed.Total > 0 {
		return failed
	}
	return nil
}

// mostUploads bounds how many uploads one run aborts: a host can begin any number.
const mostUploads = 100_000

// mayGoOn reports whether an upload to a key may be in progress in parts, or be resumed
// later. To the names of restic's files none is resumed: rwm sends each in one request,
// and so does restic up to 200 MiB. What goes in parts nevertheless (a larger file, or
// through an rclone with a lower limit) restic uploads anew after the abortion.
func mayGoOn(key string) bool { return !inRepository(key) }

// oldUploads returns the uploads to abort: those that nothing can complete, and those
// begun no later than limit. It notes the others in res.
func (s *Store) oldUploads(ctx context.Context, bucket string, limit time.Time, res *DropResult) (old []s3versions.Upload, err error) {
	for u, err := range s.uploads(ctx, bucket) {
		if err != nil {
			return nil, err
		}
		young := u.Initiated.After(limit) && mayGoOn(u.Key)
		if !young && len(old) < mostUploads {
			old = append(old, u)
			continue
		}
		res.UploadsLeft++
		if end := u.Initiated.AddDate(0, 0, uploadDays); young && end.After(res.UploadsLeftUntil) {
			res.UploadsLeftUntil = end
		}
	}
	return old, nil
}

// uploads iterates over the uploads in parts that were not completed: none on a server
// that cannot list them.
func (s *Store) uploads(ctx context.Context, bucket string) iter.Seq2[s3versions.Upload, error] {
	return func(yield func(s3versions.Upload, error) bool) {
		for u, err := range s.s3.Uploads(ctx, bucket, "") {
			if err != nil && noSuchFeature(err) || !yield(u, err) {
				return
			}
		}
	}
}

// abortUpload aborts one upload. One that has ended by itself is no error.
func (s *Store) abortUpload(ctx context.Context, bucket string, u s3versions.Upload) error {
	abort := func(key string) error {
		return s.s3.Retry(ctx, bucket, "abort the upload of "+key, 0, func(ctx context.Context) error {
			return s.core.AbortMultipartUpload(ctx, bucket, key, u.UploadID)
		})
	}
	err := abort(u.Key)
	if s3err.Code(err) != "NoSuchUpload" {
		return s3err.Wrap(err, "abort an unfinished upload")
	}
	// Ceph RGW encodes keys in this listing, but does not say so.
	if key, uerr := url.PathUnescape(u.Key); uerr == nil && key != u.Key {
		err = abort(key)
	}
	if s3err.Code(err) == "NoSuchUpload" {
		return nil
	}
	return s3err.Wrap(err, "abort an unfinished upload")
}
