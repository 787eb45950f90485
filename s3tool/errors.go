package s3tool

import (
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"
)

// What went wrong, for errors.Is. The texts name the place and what to do next.
var (
	ErrInvalid      = errors.New("invalid argument")
	ErrNoBucket     = errors.New("bucket does not exist")
	ErrNoObject     = errors.New("object does not exist")
	ErrBucketExists = errors.New("bucket exists already")
	ErrNotEmpty     = errors.New("bucket is not empty")
	ErrAccessDenied = errors.New("access denied")
	ErrDiffers      = errors.New("what arrived differs from what was sent")
)

// PartialError says that an operation on many objects failed for some of them; the
// others are done.
type PartialError struct {
	Op     string
	Failed []error // each names its object
	Done   int     // how many succeeded
}

func (e *PartialError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d failed, %d done", e.Op, len(e.Failed), e.Done)
	for i, err := range e.Failed {
		if i == 3 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %v", err)
	}
	return b.String()
}

func (e *PartialError) Unwrap() []error { return e.Failed }

// explained keeps the server's answer reachable with errors.As.
type explained struct {
	text     string
	sentinel error
	cause    error
}

func (e *explained) Error() string   { return e.text }
func (e *explained) Unwrap() []error { return []error{e.sentinel, e.cause} }

// explain says what was done where, and which of the sentinels it is.
func explain(err error, op string, at Location) error {
	if err == nil {
		return nil
	}
	var sentinel error
	switch r := minio.ToErrorResponse(err); {
	case r.Code == "NoSuchBucket":
		sentinel = ErrNoBucket
	case r.Code == "NoSuchKey" || r.Code == "NoSuchVersion" || r.StatusCode == 404:
		sentinel = ErrNoObject
	case r.Code == "MethodNotAllowed" || r.StatusCode == 405:
		// S3's answer to a request for a version that is a delete marker.
		return &explained{fmt.Sprintf("%s %s: it is a delete marker", op, at), ErrNoObject, err}
	case r.Code == "BucketAlreadyOwnedByYou" || r.Code == "BucketAlreadyExists":
		sentinel = ErrBucketExists
	case r.Code == "BucketNotEmpty":
		return &explained{fmt.Sprintf("%s %s: %v; its objects and versions go with: rwm storage-delete %s", op, at, ErrNotEmpty, at.Bucket), ErrNotEmpty, err}
	case r.Code == "AccessDenied" || r.StatusCode == 403:
		sentinel = ErrAccessDenied
	default:
		return fmt.Errorf("%s %s: %w", op, at, err)
	}
	return &explained{fmt.Sprintf("%s %s: %v", op, at, sentinel), sentinel, err}
}
