package s3state

import (
	"context"
	"iter"

	"github.com/cesnet/rwm/s3versions"
)

type (
	// Version is an entry of a version listing.
	Version = s3versions.Version
	// Owner is an S3 identity as listings and ACLs name it.
	Owner = s3versions.Owner
)

// listVersions gives every version and delete marker of a bucket to take, a page at a
// time, in the order of [s3versions.Client.Versions].
func (s *Store) listVersions(ctx context.Context, bucket, prefix string, rep *reporter, take func([]Version) error) error {
	var count, size int64
	for page, err := range s.observed(rep).Pages(ctx, bucket, prefix) {
		if err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		count += int64(len(page))
		for i := range page {
			size += spoolSize(page[i].Key, page[i].VersionID, page[i].ETag)
		}
		rep.emit(ListProgress{Bucket: bucket, Entries: count})
	}
	if prefix == "" {
		s.listed.set(bucket, size)
	}
	return nil
}

// listCurrent gives the bucket's current objects to take, in the order of keys.
func (s *Store) listCurrent(ctx context.Context, bucket string, rep *reporter, take func(*Version) error) error {
	return s.listVersions(ctx, bucket, "", rep, func(entries []Version) error {
		for i := range entries {
			if v := &entries[i]; v.IsLatest && !v.DeleteMarker {
				if err := take(v); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Versions iterates over every version and delete marker of a bucket; see
// [s3versions.Client.Versions].
func (s *Store) Versions(ctx context.Context, bucket, prefix string) iter.Seq2[Version, error] {
	s = s.made()
	return s.s3.Versions(ctx, bucket, prefix)
}

// observed returns the client for requests whose repetitions are reported.
func (s *Store) observed(rep *reporter) *s3versions.Client {
	return s.s3.OnRetry(func(r s3versions.Retry) { rep.emit(Retry(r)) })
}
