package s3state

import (
	"context"
	"errors"
	"iter"
)

var errStop = errors.New("stop")

// Versions iterates over every version and delete marker whose key begins with
// prefix, in the order of keys and within a key the newest first. An error
// ends it.
func (s *Store) Versions(ctx context.Context, bucket, prefix string) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		err := checkBucketName(bucket)
		if err == nil {
			err = s.listVersions(ctx, bucket, prefix, nil, func(entries []Version) error {
				for i := range entries {
					if !yield(entries[i], nil) {
						return errStop
					}
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Version{}, err)
		}
	}
}
