package s3state

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/minio/minio-go/v7"
)

// Saved states are objects with these names in the bucket itself.
const (
	statePrefix = "rwm/state_"
	stateSuffix = ".json.gz"
)

// SavedState is one version of a state object in a bucket.
type SavedState struct {
	Bucket    string
	Key       string
	VersionID string
	// Time is when the state was saved by the server's clock. The host cannot
	// choose it, while the time in the key is only what the host claims.
	Time        time.Time
	ClaimedTime time.Time // from the key; zero if that has none
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
func (s *Store) Save(ctx context.Context, bucket string, opts CaptureOptions) (*SavedState, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	return s.save(ctx, bucket, opts.skip, ev)
}

func (s *Store) save(ctx context.Context, bucket string, skip func(*Version) bool, ev *reporter) (*SavedState, error) {
	var packed spool
	defer packed.close()
	zip, _ := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	res, err := s.capture(ctx, bucket, zip, skip, ev)
	if err != nil {
		return nil, fmt.Errorf("save the state of bucket %s: %w", bucket, err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("save the state of bucket %s: %w", bucket, err)
	}
	key := statePrefix + res.TimeStart.Format(stateTime) + stateSuffix
	var up minio.UploadInfo
	limit := s.timeout + time.Duration(packed.size/(1<<20))*time.Second
	err = s.retry(ctx, bucket, "put "+key, limit, ev, func(ctx context.Context) error {
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
			err = errTruncatedReply // no answer of S3's to a PUT
		}
		return err
	})
	if err != nil {
		return nil, wrap(err, "save the state of bucket %s as %q", bucket, key)
	}
	st := &SavedState{
		Bucket: bucket, Key: key, VersionID: up.VersionID, Time: up.LastModified, ClaimedTime: res.TimeStart,
		Size: packed.size, ETag: up.ETag, IsLatest: true, Capture: res,
	}
	if st.Time.IsZero() {
		st.Time = s.now()
	}
	ev.emit(StepDone{Bucket: bucket, Step: "save the state"})
	if st.VersionID == "" {
		return st, fmt.Errorf("save the state of bucket %s as %q: %w: the server gave it no version id", bucket, key, ErrNotVersioned)
	}
	return st, nil
}

// States lists the saved states, the oldest first, also those that were
// deleted or overwritten.
func (s *Store) States(ctx context.Context, bucket string) ([]SavedState, error) {
	if err := s.requireVersioned(ctx, bucket); err != nil {
		return nil, err
	}
	var states []SavedState
	err := s.listVersions(ctx, bucket, statePrefix, nil, func(entries []Version) error {
		for i := range entries {
			if isState(&entries[i]) {
				states = append(states, savedState(bucket, &entries[i]))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortStates(states)
	return states, nil
}

// isState tells the versions that Save wrote, or something in their place.
func isState(v *Version) bool {
	return !v.DeleteMarker && strings.HasPrefix(v.Key, statePrefix) && strings.HasSuffix(v.Key, stateSuffix)
}

func savedState(bucket string, v *Version) SavedState {
	st := SavedState{
		Bucket: bucket, Key: v.Key, VersionID: v.VersionID, Time: v.LastModified, Size: v.Size, ETag: v.ETag,
		Owner: v.Owner, IsLatest: v.IsLatest,
	}
	name := strings.TrimSuffix(strings.TrimPrefix(v.Key, statePrefix), stateSuffix)
	if t, err := parseStateTime(name); err == nil {
		st.ClaimedTime = t
	}
	return st
}
