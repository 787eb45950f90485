package s3state

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// What went wrong, for errors.Is. The error's text says on which bucket, key
// and version, and what to do next.
var (
	ErrNoBucket       = errors.New("bucket does not exist")
	ErrNotVersioned   = errors.New("bucket versioning is not enabled")
	ErrNoState        = errors.New("no such saved state")
	ErrBadState       = errors.New("not a valid bucket state")
	ErrTargetExists   = errors.New("bucket exists already")
	ErrSameBucket     = errors.New("source and target are the same bucket")
	ErrAccessDenied   = errors.New("access denied")
	ErrCredentials    = errors.New("the server does not accept the credentials")
	ErrInvalid        = errors.New("invalid argument")
	ErrBadListing     = errors.New("the server's version listing cannot be relied on")
	ErrMissing        = errors.New("versions named by the state are missing")
	ErrStateDiffers   = errors.New("the state disagrees with the version history")
	ErrNotEmpty       = errors.New("bucket is not empty")
	ErrPolicy         = errors.New("the bucket's policy is not as expected")
	ErrCopyDiffers    = errors.New("the copy differs from its source")
	ErrOwner          = errors.New("these are the credentials of the bucket's owner")
	ErrUnreachable    = errors.New("the server did not answer")
	errTruncatedReply = errors.New("the answer ends early")
)

// StepError says where an operation of several requests stopped and what is
// left behind.
type StepError struct {
	Op     string // create, restore, …
	Bucket string
	Step   string   // what failed
	Done   []string // what was done before and is still there
	Next   string   // how to go on
	Err    error
}

func (e *StepError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s: %v", e.Op, e.Bucket, e.Step, e.Err)
	if len(e.Done) > 0 {
		fmt.Fprintf(&b, "; done so far: %s", strings.Join(e.Done, ", "))
	}
	if e.Next != "" {
		fmt.Fprintf(&b, "; %s", e.Next)
	}
	return b.String()
}

func (e *StepError) Unwrap() error { return e.Err }

// KeyError is the failure of one version in an operation on many.
type KeyError struct {
	Key, VersionID string
	Err            error
}

func (e KeyError) Error() string {
	if e.VersionID == "" {
		return fmt.Sprintf("%q: %v", e.Key, e.Err)
	}
	return fmt.Sprintf("%q version %s: %v", e.Key, e.VersionID, e.Err)
}

func (e KeyError) Unwrap() error { return e.Err }

// maxListed bounds how many single failures an error keeps; all are counted.
const maxListed = 1000

// BatchError says that an operation on many versions failed for some of them.
type BatchError struct {
	Op     string
	Bucket string
	Failed []KeyError // at most the first 1000
	Total  int        // how many failed
	Next   string     // how to go on
}

func (e *BatchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d failed", e.Op, e.Bucket, e.Total)
	for i, f := range e.Failed {
		if i == 3 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %v", f)
	}
	if e.Next != "" {
		fmt.Fprintf(&b, "; %s", e.Next)
	}
	return b.String()
}

// Unwrap makes errors.Is find the single causes.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i := range e.Failed {
		errs[i] = e.Failed[i]
	}
	return errs
}

func (e *BatchError) add(f KeyError) {
	e.Total++
	if len(e.Failed) < maxListed {
		e.Failed = append(e.Failed, f)
	}
}

// MissingVersion is an entry of a state for which the bucket has no such
// version, or another one than the state claims.
type MissingVersion struct {
	Key, VersionID string
	Reason         string
}

// MissingVersionsError says that a state cannot be restored as it is. Nothing
// was created or copied. It is an ErrMissing.
type MissingVersionsError struct {
	Bucket     string
	StateKey   string
	Missing    []MissingVersion // at most the first 1000
	Total      int
	OfVersions int // how many current versions the state names
}

func (e *MissingVersionsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "state %q cannot be restored: %d of the %d versions it names are not in bucket %s as it says",
		e.StateKey, e.Total, e.OfVersions, e.Bucket)
	for i, m := range e.Missing {
		if i == 3 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %q version %s: %s", m.Key, m.VersionID, m.Reason)
	}
	b.WriteString("; nothing was created, choose another state")
	return b.String()
}

func (e *MissingVersionsError) Is(target error) bool { return target == ErrMissing }

// s3Error keeps the server's answer reachable with errors.As and adds the
// sentinel it amounts to.
type s3Error struct {
	what     string
	sentinel error
	err      error
}

func (e *s3Error) Error() string {
	return e.what + ": " + e.err.Error()
}

func (e *s3Error) Unwrap() []error {
	if e.sentinel == nil {
		return []error{e.err}
	}
	return []error{e.sentinel, e.err}
}

// wrap names what was being done and classifies the server's error.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &s3Error{what: fmt.Sprintf(format, args...), sentinel: classify(err), err: describe(err)}
}

// describe gives the server's code beside its message; minio-go's error text
// has only the latter.
func describe(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return err
	}
	if r.Code != "" && !strings.Contains(r.Message, r.Code) {
		return fmt.Errorf("%s: %w", r.Code, err)
	}
	return err
}

func classify(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return nil
	}
	switch r.Code {
	case "NoSuchBucket":
		return ErrNoBucket
	case "AccessDenied", "AllAccessDisabled", "AccountProblem":
		return ErrAccessDenied
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
		"InvalidToken", "InvalidClientTokenId", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed":
		return ErrCredentials
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou":
		return ErrTargetExists
	case "BucketNotEmpty":
		return ErrNotEmpty
	}
	if r.StatusCode == http.StatusForbidden {
		return ErrAccessDenied
	}
	return nil
}

// code is the server's error code, or "".
func code(err error) string {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// status is the HTTP status of the server's error answer, or 0.
func status(err error) int {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return r.StatusCode
	}
	return 0
}

// hopeless errors meet every other request of an operation as well: no use to
// go on with the next key.
func hopeless(err error) bool {
	return errors.Is(err, ErrCredentials) || errors.Is(err, ErrNoBucket) || errors.Is(err, ErrUnreachable)
}
