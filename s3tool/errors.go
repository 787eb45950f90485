package s3tool

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
)

// Errors returned by a Tool, for errors.Is. Their texts name the place, and what to do
// next.
var (
	ErrInvalid      = s3err.ErrInvalid
	ErrNoBucket     = s3err.ErrNoBucket
	ErrNoObject     = s3err.ErrNoObject
	ErrBucketExists = s3err.ErrBucketExists
	ErrNotEmpty     = s3err.ErrNotEmpty
	ErrAccessDenied = s3err.ErrAccessDenied
	ErrCredentials  = s3err.ErrCredentials // an ErrAccessDenied, too
	ErrUnreachable  = s3err.ErrUnreachable
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

// explain says what was done where, and which cause it failed for.
func explain(err error, op string, at Location) error {
	if err == nil {
		return nil
	}
	what := op
	if at.Bucket != "" {
		what += " " + at.String()
	}
	cause := s3err.Classify(err)
	switch status := s3err.Status(err); {
	case cause != nil:
	case status == http.StatusMethodNotAllowed:
		// S3's answer to a request for a version that is a delete marker.
		return s3err.As(ErrNoObject, err, "%s: it is a delete marker", what)
	case status == http.StatusNotFound:
		cause = ErrNoObject
	}
	switch cause {
	case nil:
		return fmt.Errorf("%s: %w", what, err)
	case ErrNotEmpty:
		return s3err.As(cause, err, "%s: %v; its objects and versions go with `rwm storage-delete %s`", what, cause, at.Bucket)
	case ErrUnreachable, ErrInvalid:
		return s3err.As(cause, err, "%s: %v: %v", what, cause, err)
	}
	return s3err.As(cause, err, "%s: %v", what, cause)
}
