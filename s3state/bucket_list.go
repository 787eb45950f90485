package s3state

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// BucketSummary is one line of List.
type BucketSummary struct {
	Name    string
	Created time.Time
	// Check is nil if it could not be made; Err says why.
	Check *PolicyCheck
	Err   error
	// Lock is how the bucket is locked; nil if the credentials may not read it.
	Lock *Lock
}

// List returns the caller's buckets with the policy check and the lock of each. A
// bucket that cannot be checked is listed with its error; one that was removed meanwhile
// is not listed.
func (s *Store) List(ctx context.Context) ([]BucketSummary, error) {
	s = s.made()
	_, buckets, err := s.ownBuckets(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]BucketSummary, len(buckets))
	var g errgroup.Group
	g.SetLimit(min(s.parallel, 16))
	for i, b := range buckets {
		list[i].Name, list[i].Created = b.Name, b.Created
		g.Go(func() error {
			if list[i].Check, list[i].Err = s.CheckPolicy(ctx, b.Name); list[i].Err == nil {
				list[i].Lock, list[i].Err = s.Lock(ctx, b.Name)
			}
			if refusedAlone(list[i].Err) && list[i].Check != nil {
				list[i].Err = nil // a host may not know how it is locked
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in the list
	list = slices.DeleteFunc(list, func(b BucketSummary) bool { return errors.Is(b.Err, ErrNoBucket) })
	return list, ctx.Err()
}

// ownBuckets lists the caller's buckets and tells who the caller is.
func (s *Store) ownBuckets(ctx context.Context) (Owner, []s3versions.Bucket, error) {
	caller, all, err := s.s3.Buckets(ctx)
	return caller, all, s3err.Wrap(err, "list buckets")
}
