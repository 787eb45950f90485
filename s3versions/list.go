package s3versions

import (
	"context"
	"errors"
	"iter"
)

// errStop ends a listing that its reader has left.
var errStop = errors.New("stop")

// Versions iterates over every version and delete marker whose key begins with prefix,
// in the order of keys, and within a key the newest first. An error ends it.
//
// Errors: ErrNoBucket, ErrAccessDenied, ErrCredentials, ErrUnreachable, ErrBadListing.
func (c *Client) Versions(ctx context.Context, bucket, prefix string) iter.Seq2[Version, error] {
	c = c.made()
	return func(yield func(Version, error) bool) {
		for page, err := range c.Pages(ctx, bucket, prefix) {
			if err != nil {
				yield(Version{}, err)
				return
			}
			for i := range page {
				if !yield(page[i], nil) {
					return
				}
			}
		}
	}
}

// Pages is [Client.Versions] in the portions, never empty, in which the server sends
// them: up to 1000 entries. A key's entries may span several.
func (c *Client) Pages(ctx context.Context, bucket, prefix string) iter.Seq2[[]Version, error] {
	c = c.made()
	return func(yield func([]Version, error) bool) {
		err := CheckBucketName(bucket)
		if err == nil {
			err = c.list(ctx, bucket, prefix, func(page []Version) error {
				if !yield(page, nil) {
					return errStop
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}
