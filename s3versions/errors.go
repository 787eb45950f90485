package s3versions

import (
	"errors"

	"github.com/cesnet/rwm/internal/s3err"
)

// Errors returned by a Client, for errors.Is. The server's answer is reachable with
// errors.As as a minio.ErrorResponse.
var (
	ErrNoBucket     = s3err.ErrNoBucket
	ErrNoObject     = s3err.ErrNoObject
	ErrAccessDenied = s3err.ErrAccessDenied
	ErrCredentials  = s3err.ErrCredentials
	ErrUnreachable  = s3err.ErrUnreachable
	ErrInvalid      = s3err.ErrInvalid
	// ErrBadListing means that a version listing contradicts itself: it repeats
	// entries, runs in circles, or is no listing at all.
	ErrBadListing = errors.New("the server's version listing cannot be relied on")
	// ErrTruncated means that an answer broke off.
	ErrTruncated = errors.New("the answer was cut off")
)
