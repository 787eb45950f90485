package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Errors returned by a Store, for errors.Is. The text of an error names the bucket, key
// and version, and what to do next.
var (
	ErrNoBucket     = s3versions.ErrNoBucket
	ErrNotVersioned = errors.New("bucket versioning is not enabled")
	ErrNoState      = errors.New("no such saved state")
	ErrBadState     = errors.New("not a valid bucket state")
	ErrNoObject     = s3versions.ErrNoObject
	ErrTargetExists = s3err.ErrBucketExists
	ErrSameBucket   = errors.New("source and target are the same bucket")
	ErrAccessDenied = s3versions.ErrAccessDenied
	ErrCredentials  = s3versions.ErrCredentials
	ErrInvalid      = s3versions.ErrInvalid
	ErrBadListing   = s3versions.ErrBadListing
	ErrMissing      = errors.New("versions named by the state are missing")
	ErrStateDiffers = errors.New("the state disagrees with the version history")
	ErrNotEmpty     = s3err.ErrNotEmpty
	ErrPolicy       = errors.New("the bucket's policy is not as expected")
	ErrCopyDiffers  = errors.New("the copy differs from its source")
	ErrOwner        = errors.New("these are the credentials of the bucket's owner")
	ErrUnreachable  = s3versions.ErrUnreachable
)

// StepError says where an operation of several requests stopped and what is
// left behind.
type StepError struct {
	Op     string // create, restore, …
	Bucket string
	Step   string   // what failed
	Done   []string // what was done before and is still there
	Left   string   // what is left behind, where Done does not tell
	Next   string   // what to do next
	Err    error
}

func (e *StepError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s: %v", e.Op, e.Bucket, e.Step, e.Err)
	if len(e.Done) > 0 {
		fmt.Fprintf(&b, "; done so far: %s", strings.Join(e.Done, ", "))
	}
	for _, text := range []string{e.Left, e.Next} {
		if text != "" {
			fmt.Fprintf(&b, "; %s", text)
		}
	}
	return b.String()
}

func (e *StepError) Unwrap() error { return e.Err }

// ended makes e of an error that the end of ctx caused: an operation that was
// interrupted says what it left. Errors that say so already stay as they are.
func ended(ctx context.Context, err error, e StepError) error {
	if err == nil || ctx.Err() == nil || errors.As(err, new(*StepError)) || errors.As(err, new(*BatchError)) {
		return err
	}
	if e.Err = err; errors.Is(err, ctx.Err()) {
		e.Err = ctx.Err() // without the place, which e names
	}
	return &e
}

// endedEarly is ended for an operation that has not changed anything yet.
func endedEarly(ctx context.Context, err error, op, bucket string) error {
	return ended(ctx, err, StepError{Op: op, Bucket: bucket, Step: stepLook, Left: "nothing was changed", Next: "run the same again"})
}

const stepLook = "look at what is there"

// KeyError is the failure of one version in an operation on many.
type KeyError struct {
	Key, VersionID string
	Err            error
}

func (e KeyError) Error() string {
	if e.VersionID == "" {
		return fmt.Sprintf("%q: %v", e.Key, e.Err)
	}
	return fmt.Sprintf("%q version %s: %v", e.Key, s3err.Word(e.VersionID), e.Err)
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
	Next   string     // what to do next
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

// hopeless reports whether every further request would meet the same error.
func hopeless(err error) bool {
	return errors.Is(err, ErrCredentials) || errors.Is(err, ErrNoBucket) || errors.Is(err, ErrUnreachable)
}
