package s3tool

import (
	"context"
	"iter"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/s3versions"
)

// Bucket is one of the identity's own buckets.
type Bucket struct {
	Name    string
	Created time.Time
}

// Buckets lists the buckets that the identity owns. Buckets of other identities are not
// among them.
func (t *Tool) Buckets(ctx context.Context) ([]Bucket, error) {
	t = t.made()
	var infos []minio.BucketInfo
	err := t.again(ctx, "", "list buckets", 0, func(ctx context.Context) (err error) {
		infos, err = t.client.ListBuckets(ctx)
		return err
	})
	if err != nil {
		return nil, explain(err, "list buckets", Location{})
	}
	buckets := make([]Bucket, len(infos))
	for i, b := range infos {
		buckets[i] = Bucket{Name: b.Name, Created: b.CreationDate}
	}
	return buckets, nil
}

// List iterates over the current objects whose key begins with at.Key, in the order of
// keys. Unless it is recursive, keys that continue after the next slash become one
// [s3versions.Object], their common prefix. An error ends it.
func (t *Tool) List(ctx context.Context, at Location, recursive bool) iter.Seq2[s3versions.Object, error] {
	t = t.made()
	return func(yield func(s3versions.Object, error) bool) {
		for o, err := range t.versions.Objects(ctx, at.Bucket, at.Key, recursive) {
			if !yield(o, explain(err, "list", at)) || err != nil {
				return
			}
		}
	}
}

// Versions iterates over every version and delete marker whose key begins with at.Key,
// in the order of keys, and within a key the newest first. An error ends it.
func (t *Tool) Versions(ctx context.Context, at Location) iter.Seq2[s3versions.Version, error] {
	t = t.made()
	return t.versions.Versions(ctx, at.Bucket, at.Key)
}
