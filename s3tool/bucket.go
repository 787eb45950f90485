package s3tool

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/cesnet/rwm/internal/buckets"
)

// MakeBucket creates a bucket, with versioning if asked for. Buckets for backups are
// made by s3state, with a policy.
func (t *Tool) MakeBucket(ctx context.Context, bucket string, versioning bool) error {
	t = t.made()
	at := Location{Bucket: bucket}
	if err := s3utils.CheckValidBucketNameStrict(bucket); err != nil {
		return fmt.Errorf("make %s: %w: %w", at, ErrInvalid, err)
	}
	// Some servers answer the creation of one's own bucket as if it were new.
	if exists, err := t.client.BucketExists(ctx, bucket); err == nil && exists {
		return fmt.Errorf("make %s: %w", at, ErrBucketExists)
	}
	if err := buckets.Make(ctx, t.client, bucket, minio.MakeBucketOptions{}); err != nil {
		return explain(err, "make", at)
	}
	if !versioning {
		return nil
	}
	if err := t.client.EnableVersioning(ctx, bucket); err != nil {
		return fmt.Errorf("%w; the bucket was made, without versioning", explain(err, "enable versioning of", at))
	}
	return nil
}

// RemoveBucket removes a bucket that has no objects, versions or delete markers.
func (t *Tool) RemoveBucket(ctx context.Context, bucket string) error {
	t = t.made()
	return explain(buckets.Remove(ctx, t.client, bucket), "remove", Location{Bucket: bucket})
}
