package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"
)

// ErrFull means that a bucket takes no more objects.
var ErrFull = errors.New("the bucket is full")

// fullCodes are what servers answer to a write beyond a quota.
var fullCodes = []string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "ServiceQuotaExceeded"}

// isFull reports whether a write failed for lack of room.
func isFull(err error) bool {
	var r minio.ErrorResponse
	return errors.As(err, &r) && (slices.Contains(fullCodes, r.Code) || r.StatusCode == http.StatusInsufficientStorage)
}

// dropWhenFull makes room for a first state: it removes old versions and unfinished
// uploads, but keeps all states and what was current when the drop began. Then it tries
// again to save the state.
func (s *Store) dropWhenFull(ctx context.Context, bucket string, keep *keepSet, res *DropResult, rep *reporter) (*SavedState, error) {
	now, err := s.compareCurrent(ctx, bucket, nil, &StorageCheck{Bucket: bucket}, false, rep)
	if err != nil {
		return nil, err
	}
	err = keep.addCurrent(now.manifest)
	now.close()
	if err != nil {
		return nil, err
	}
	keep.everyState = true
	err = s.dropOld(ctx, bucket, nil, keep, res, rep)
	keep.everyState, keep.lost, keep.kept = false, 0, 0
	res.counted = removedCount{Versions: res.OldVersions, DeleteMarkers: res.DeleteMarkers, Bytes: res.Bytes}
	if err == nil {
		err = s.dropUploads(ctx, bucket, s.now(), false, res)
	}
	if err != nil {
		return nil, err
	}
	interim, err := s.saveInterim(ctx, bucket, rep)
	if isFull(err) {
		err = fmt.Errorf("%w: no state can be saved in it, even without the old versions that may go; "+
			"raise its quota by some megabytes, or remove old saved states below %q by their versions, and run it again: %w", ErrFull, statePrefix, err)
	}
	return interim, err
}
