package restic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/minio/minio-go/v7"
)

// s3Error names the request that failed.
type s3Error struct {
	method, bucket, key string
	err                 error
	unreachable         bool // there was no answer
}

func (e *s3Error) Error() string {
	reason := e.err.Error()
	var resp minio.ErrorResponse
	if errors.As(e.err, &resp) && resp.Code != "" {
		reason = fmt.Sprintf("%s (%s)", resp.Message, resp.Code)
	}
	if e.unreachable {
		reason = fmt.Sprintf("%v: %s", ErrUnreachable, reason)
	}
	if resp.Code == codeNoSuchBucket {
		return fmt.Sprintf("%s bucket %s: %s", e.method, e.bucket, reason)
	}
	return fmt.Sprintf("%s %s/%s: %s", e.method, e.bucket, e.key, reason)
}

func (e *s3Error) Unwrap() error { return e.err }

// Is tells the sentinels of this package by the server's code.
func (e *s3Error) Is(target error) bool {
	code := s3Code(e.err)
	switch target {
	case ErrUnreachable:
		return e.unreachable
	case ErrNoBucket, ErrNoRepository:
		return code == codeNoSuchBucket
	case ErrAccessDenied:
		return slices.Contains(deniedCodes, code)
	}
	return false
}

const (
	codeNoSuchKey    = "NoSuchKey"
	codeNoSuchBucket = "NoSuchBucket"
)

// deniedCodes are the answers to wrong or expired credentials and missing rights.
var deniedCodes = []string{
	"AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
	"ExpiredTokenException", "InvalidToken", "InvalidSecurity", "NotSignedUp", "RequestTimeTooSkewed", "UserSuspended",
}

// transientCodes are 4xx answers that another attempt may change: what arrived was damaged or came too slowly.
var transientCodes = []string{
	"RequestTimeout", "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody",
	"OperationAborted", "ConditionalRequestConflict", "SlowDown", "Throttling", "TooManyRequests", "RequestThrottled",
}

var transientStatus = []int{http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests, 499}

func s3Code(err error) string {
	var resp minio.ErrorResponse
	if errors.As(err, &resp) {
		return resp.Code
	}
	return ""
}

// fail wraps an error of a request. A cancelled context stays what it is.
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
	if answered {
		b.answered.Store(true)
	}
	return &s3Error{method: method, bucket: b.bucket, key: key, err: err, unreachable: !answered && isNetworkError(err)}
}

// isNetworkError reports whether there was no answer at all, as opposed to an unexpected one or a request that could not be made.
func isNetworkError(err error) bool {
	var viaHTTP *url.Error
	var viaNet net.Error
	return errors.As(err, &viaHTTP) || errors.As(err, &viaNet) || errors.Is(err, errStalled)
}

// IsNotExist reports whether the object is missing.
func (b *s3Backend) IsNotExist(err error) bool { return s3Code(err) == codeNoSuchKey }

// IsPermanentError reports whether another attempt makes no sense: the server refused the request for what it is, or it has never been reached
// at all, which points to a wrong endpoint.
func (b *s3Backend) IsPermanentError(err error) bool {
	var resp minio.ErrorResponse
	if !errors.As(err, &resp) {
		return !b.answered.Load()
	}
	if slices.Contains(deniedCodes, resp.Code) {
		return true // also for one key of a batch, which has no status of its own
	}
	if resp.StatusCode == 0 {
		return !b.answered.Load()
	}
	if slices.Contains(transientCodes, resp.Code) || slices.Contains(transientStatus, resp.StatusCode) {
		return false
	}
	// a redirect is a bucket of another region, 501 what the server does not know
	return resp.StatusCode >= 300 && resp.StatusCode < 500 || resp.StatusCode == 501
}
