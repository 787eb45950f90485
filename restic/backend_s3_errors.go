package restic

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/minio/minio-go/v7"
)

// s3Error names the request that failed.
type s3Error struct {
	method, bucket, key string
	err                 error
	cause               error // one of package s3err, or nil
}

func (e *s3Error) Error() string {
	reason := e.err.Error()
	var resp minio.ErrorResponse
	if errors.As(e.err, &resp) && resp.Code != "" {
		reason = fmt.Sprintf("%s (%s)", resp.Message, resp.Code)
	}
	if e.cause == ErrUnreachable {
		reason = fmt.Sprintf("%v: %s", ErrUnreachable, reason)
	}
	if e.cause == ErrSealed {
		return fmt.Sprintf("%s %s/%s: %v; the admin can let it read for a time (storage-unseal %s --for 4h)", e.method, e.bucket, e.key, ErrSealed, e.bucket)
	}
	if e.cause == ErrNoBucket {
		return fmt.Sprintf("%s bucket %s: %s", e.method, e.bucket, reason)
	}
	return fmt.Sprintf("%s %s/%s: %s", e.method, e.bucket, e.key, reason)
}

func (e *s3Error) Unwrap() error { return e.err }

// Is tells the cause. Without a bucket there is no repository either.
func (e *s3Error) Is(target error) bool {
	return errors.Is(e.cause, target) || target == ErrNoRepository && e.cause == ErrNoBucket
}

const codeNoSuchKey = "NoSuchKey"

// fail wraps a request's error. The error of a cancelled context is returned as it is.
func (b *s3Backend) fail(method, key string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var known *s3Error
	if errors.As(err, &known) {
		return err
	}
	var resp minio.ErrorResponse
	answered := errors.As(err, &resp) && resp.StatusCode != 0
	if answered || errors.Is(err, io.ErrUnexpectedEOF) { // also an answer that was cut off
		b.answered.Store(true)
	}
	cause := s3err.Classify(err)
	if !answered && errors.Is(err, errStalled) {
		cause = ErrUnreachable
	}
	return &s3Error{method: method, bucket: b.bucket, key: key, err: err, cause: cause}
}

// IsNotExist reports whether the object is missing.
func (b *s3Backend) IsNotExist(err error) bool { return s3err.Code(err) == codeNoSuchKey }

// IsPermanentError reports whether a retry is pointless: the server rejected the
// request itself, or has never answered, which suggests a wrong endpoint.
func (b *s3Backend) IsPermanentError(err error) bool {
	if errors.Is(err, ErrSealed) {
		return true
	}
	var resp minio.ErrorResponse
	if !errors.As(err, &resp) {
		return !b.answered.Load()
	}
	if errors.Is(s3err.Classify(err), ErrAccessDenied) {
		return true // also for one key of a batch, which has no status of its own
	}
	if resp.StatusCode == 0 {
		return !b.answered.Load()
	}
	// a redirect is a bucket of another region, 501 what the server does not know
	return resp.StatusCode >= 300 && !s3err.Transient(err)
}
