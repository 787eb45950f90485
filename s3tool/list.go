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
	infos, err := t.client.ListBuckets(ctx)
	if err != nil {
		return nil, explain(err, "list", Location{Bucket: "*"})
	}
	buckets := make([]Bucket, len(infos))
	for i, b := range infos {
		buckets[i] = Bucket{Name: b.Name, Created: b.CreationDate}
	}
	return buckets, nil
}

// Entry is an object, or a common prefix of some when a listing is not recursive.
type Entry struct {
	Key          string
	Prefix       bool // Key ends with "/", and stands for the objects below it
	Size         int64
	LastModified time.Time
	ETag         string // without quotes
	StorageClass string
}

// List iterates over the current objects whose key begins with at.Key, in the order of
// keys. Unless it is recursive, keys that continue after the next slash become one
// Entry, their common prefix. An error ends it.
func (t *Tool) List(ctx context.Context, at Location, recursive bool) iter.Seq2[Entry, error] {
	t = t.made()
	return func(yield func(Entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the client's goroutine when the caller stops early
		opts := minio.ListObjectsOptions{Prefix: at.Key, Recursive: recursive}
		for o := range t.client.ListObjects(ctx, at.Bucket, opts) {
			if o.Err != nil {
				yield(Entry{}, explain(o.Err, "list", at))
				return
			}
			e := Entry{
				Key: o.Key, Size: o.Size, LastModified: o.LastModified, ETag: o.ETag, StorageClass: o.StorageClass,
				Prefix: !recursive && o.ETag == "" && o.LastModified.IsZero(),
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Entry{}, err)
		}
	}
}

// Versions iterates over every version and delete marker whose key begins with at.Key,
// in the order of keys, and within a key the newest first. An error ends it.
func (t *Tool) Versions(ctx context.Context, at Location) iter.Seq2[s3versions.Version, error] {
	t = t.made()
	return t.versions.Versions(ctx, at.Bucket, at.Key)
}
