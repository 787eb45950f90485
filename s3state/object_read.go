package s3state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// openObject opens one version of an object for reading; after a broken connection the
// read resumes where it stopped.
func (s *Store) openObject(ctx context.Context, bucket, key, versionID string) (io.ReadCloser, minio.ObjectInfo, error) {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, minio.ObjectInfo{}, err
	}
	if key == "" {
		return nil, minio.ObjectInfo{}, fmt.Errorf("%w: no state key given", ErrInvalid)
	}
	if err := s3utils.CheckValidObjectName(key); err != nil {
		// minio-go refuses the key itself; trying again is no use.
		return nil, minio.ObjectInfo{}, fmt.Errorf("%w: key %q: %v", ErrInvalid, key, err)
	}
	r := &resumingReader{ctx: ctx, s: s, bucket: bucket, key: key, version: versionID}
	if err := r.open(); err != nil {
		return nil, minio.ObjectInfo{}, r.explain(err)
	}
	return r, r.info, nil
}

type resumingReader struct {
	ctx                  context.Context
	s                    *Store
	bucket, key, version string
	body                 io.ReadCloser
	cancel               context.CancelFunc
	watch                *time.Timer
	info                 minio.ObjectInfo
	offset               int64
	failures             int
}

// open requests the object from the offset on.
func (r *resumingReader) open() error {
	return r.s.s3.Retry(r.ctx, r.bucket, "get "+r.key, 0, func(actx context.Context) error {
		opts := minio.GetObjectOptions{VersionID: r.version}
		if r.offset > 0 {
			if err := opts.SetRange(r.offset, 0); err != nil {
				return err
			}
			if err := opts.SetMatchETag(r.info.ETag); err != nil {
				return err
			}
		}
		// The body is read after this attempt's time limit is over.
		ctx, cancel := context.WithCancel(reqctx.WithoutCause(r.ctx))
		stop := context.AfterFunc(actx, cancel)
		body, info, _, err := r.s.core.GetObject(ctx, r.bucket, r.key, opts)
		if !stop() || err != nil {
			if err == nil {
				body.Close()
				err = actx.Err()
			}
			cancel()
			return err
		}
		r.body, r.cancel = body, cancel
		r.watch = time.AfterFunc(r.s.timeout, cancel)
		if r.offset == 0 {
			r.info = info
		}
		return nil
	})
}

func (r *resumingReader) Read(p []byte) (int, error) {
	for {
		r.watch.Reset(r.s.timeout)
		n, err := r.body.Read(p)
		r.watch.Stop()
		r.offset += int64(n)
		if n > 0 {
			r.failures = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if err == io.EOF && r.offset >= r.info.Size {
			return 0, io.EOF
		}
		if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		}
		if r.failures++; r.failures >= r.s.attempts {
			return 0, fmt.Errorf("read %q from bucket %s: %w", r.key, r.bucket, err)
		}
		r.Close()
		if err := r.open(); err != nil {
			return 0, r.explain(err)
		}
	}
}

func (r *resumingReader) Close() error {
	if r.cancel != nil {
		r.cancel()
	}
	return r.body.Close()
}

func (r *resumingReader) explain(err error) error {
	version := r.version
	if version == "" {
		version = "(current)"
	}
	switch s3err.Code(err) {
	case "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "InvalidArgument", "InvalidVersionId", "NoSuchObject", "NotFound":
		return s3err.WrapAs(ErrNoState, err, "bucket %s, key %q version %s", r.bucket, r.key, version)
	}
	return s3err.Wrap(err, "read %q version %s from bucket %s", r.key, version, r.bucket)
}

// refusedAlone reports whether an error concerns a single object: it is gone, archived,
// encrypted with a key the caller lacks, or not readable for the caller. A writer can
// make the server refuse an object, and must not keep the others from being read.
func refusedAlone(err error) bool {
	if errors.Is(err, ErrNoState) {
		return true
	}
	switch s3err.Status(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict,
		http.StatusGone, http.StatusPreconditionFailed, http.StatusUnsupportedMediaType:
		return !errors.Is(err, ErrCredentials) && !errors.Is(err, ErrNoBucket)
	}
	return false
}
