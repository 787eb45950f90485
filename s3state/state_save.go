package s3state

import (
	"context"
	"fmt"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7"
)

// SavedState is one version of a state object in a bucket.
type SavedState struct {
	Bucket    string
	Key       string
	VersionID string
	// Time is when the state was saved by the server's clock. The host cannot choose
	// it; the time in the key is only what the host claims.
	Time        time.Time
	ClaimedTime time.Time // from the key; zero if it has none
	Size        int64     // bytes, compressed
	ETag        string
	Owner       Owner
	// IsLatest is false for a state that was deleted or overwritten since. Its
	// version is still there and can be restored from.
	IsLatest bool
	// Capture counts what is in the state; only set by Save and DropVersions.
	Capture *CaptureResult
	// Verification, or the error why there is none, are only set where the state
	// was compared with the version history: by Info, History and CheckStorage.
	Verification *Verification
	Unreadable   error
}

// Save captures the state of a bucket and stores it in the bucket, as one
// object under a name of its own. The compressed state is gathered first (in
// memory, or in a temporary file if it is larger than 4 MiB) and sent in one
// request, so an interrupted save leaves nothing behind.
//
// Errors: ErrNotVersioned, ErrChanging, ErrBadListing, ErrFull.
func (s *Store) Save(ctx context.Context, bucket string, opts CaptureOptions) (*SavedState, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	st, err := s.save(ctx, bucket, opts.skip, rep)
	if isFull(err) {
		err = fmt.Errorf("%w: what a host deletes makes no room, as old versions stay; raise its quota, "+
			"or reclaim space as the admin with storage-drop-versions, which needs no room to begin: %w", ErrFull, err)
	}
	return st, err
}

func (s *Store) save(ctx context.Context, bucket string, skip func(*Version) bool, rep *reporter) (*SavedState, error) {
	var up minio.UploadInfo
	var key string
	packed, res, err := s.packed(ctx, bucket, skip, rep, func(packed *spool, res *CaptureResult, watch stopwatch) (err error) {
		key = statePrefix + res.TimeStart.Format(stateTime) + stateSuffix
		up, err = s.putState(ctx, bucket, key, packed, func() error { return watch.tooLate(res.Objects) }, rep)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("save the state of bucket %s: %w", bucket, err)
	}
	defer packed.close()
	st := &SavedState{
		Bucket: bucket, Key: key, VersionID: up.VersionID, Time: up.LastModified, ClaimedTime: res.TimeStart,
		Size: packed.size, ETag: up.ETag, IsLatest: true, Capture: res,
	}
	if st.Time.IsZero() {
		st.Time = s.now()
	}
	rep.emit(StepDone{Bucket: bucket, Step: "save the state"})
	if st.VersionID == "" {
		return st, fmt.Errorf("save the state of bucket %s as %q: %w: the server gave it no version id", bucket, key, ErrNotVersioned)
	}
	return st, nil
}

// putState sends a compressed state. ready is asked before each attempt.
func (s *Store) putState(ctx context.Context, bucket, key string, packed *spool, ready func() error, rep *reporter) (up minio.UploadInfo, err error) {
	limit := s.timeout + time.Duration(packed.size/(1<<20))*time.Second
	var late error
	err = s.observed(rep).Retry(ctx, bucket, "put "+key, limit, func(ctx context.Context) error {
		if late = ready(); late != nil {
			return nil
		}
		body, err := packed.reader()
		if err != nil {
			return err
		}
		// One PUT: S3 checks the MD5 and either keeps all of it or nothing,
		// and the host may not clean up parts of a multipart upload.
		up, err = s.client.PutObject(ctx, bucket, key, body, packed.size, minio.PutObjectOptions{
			ContentType:      "application/gzip",
			SendContentMd5:   true,
			DisableMultipart: packed.size < 5<<30,
		})
		if err == nil && up.ETag == "" {
			err = s3versions.ErrTruncated // S3 answers a PUT with an ETag
		}
		return err
	})
	if late != nil {
		return up, late
	}
	return up, s3err.Wrap(err, "%q", key)
}
