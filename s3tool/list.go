package s3tool

import (
	"context"
	"iter"

	"github.com/cesnet/rwm/s3versions"
)

// Buckets lists the buckets that the identity owns. Buckets of other identities are not
// among them.
func (t *Tool) Buckets(ctx context.Context) ([]s3versions.Bucket, error) {
	_, all, err := t.made().versions.Buckets(ctx)
	return all, explain(err, "list buckets", Location{})
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
