package s3err

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// byCode has what servers call each cause: AWS, Ceph RGW, MinIO.
var byCode = map[string]error{
	"NoSuchBucket": ErrNoBucket,

	"InvalidBucketName": ErrInvalid,

	"NoSuchKey":     ErrNoObject,
	"NoSuchVersion": ErrNoObject,
	"NoSuchObject":  ErrNoObject,

	"BucketAlreadyExists":     ErrBucketExists,
	"BucketAlreadyOwnedByYou": ErrBucketExists,
	"BucketNotEmpty":          ErrNotEmpty,

	"AccessDenied":      ErrAccessDenied,
	"AllAccessDisabled": ErrAccessDenied,
	"AccountProblem":    ErrAccessDenied,
	"NotSignedUp":       ErrAccessDenied,
	"UserSuspended":     ErrAccessDenied,

	"AuthorizationHeaderMalformed": ErrCredentials,
	"ExpiredToken":                 ErrCredentials,
	"ExpiredTokenException":        ErrCredentials,
	"InvalidAccessKeyId":           ErrCredentials,
	"InvalidClientTokenId":         ErrCredentials,
	"InvalidSecurity":              ErrCredentials,
	"InvalidToken":                 ErrCredentials,
	"RequestTimeTooSkewed":         ErrCredentials,
	"SignatureDoesNotMatch":        ErrCredentials,
}

// otherCause are codes of status 403 that no right cures.
var otherCause = []string{"InvalidObjectState", "QuotaExceeded"}

// Classify returns the cause that err amounts to, or nil: by the code of the server's
// answer, or by the lack of one.
func Classify(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		if NoAnswer(err) {
			return ErrUnreachable
		}
		return nil
	}
	if cause := byCode[r.Code]; cause != nil {
		return cause
	}
	if r.StatusCode == http.StatusForbidden && !slices.Contains(otherCause, r.Code) {
		return ErrAccessDenied
	}
	return nil
}

// transientCodes are answers that the same request may not meet again.
var transientCodes = []string{
	"InternalError", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite",
	"Throttling", "ThrottlingException", "RequestThrottled", "RequestLimitExceeded", "TooManyRequests",
	// What arrived was damaged, or came too slowly.
	"RequestTimeout", "BadDigest", "InvalidDigest", "IncompleteBody",
	"XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
	// Another request was in the way.
	"OperationAborted", "ConditionalRequestConflict",
}

// clientClosed is nginx's status for a request that ended before its answer.
const clientClosed = 499

// Transient reports whether the same request may get another answer a moment later. Of
// an error that is no answer of a server it is false.
func Transient(err error) bool {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return false
	}
	if slices.Contains(transientCodes, r.Code) {
		return true
	}
	if byCode[r.Code] != nil {
		return false
	}
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests, clientClosed:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return r.StatusCode >= 500
}

// NoAnswer tells the errors of a connection from all others: no such host, connection
// refused or broken, no trusted certificate, no answer in time.
func NoAnswer(err error) bool {
	var file *fs.PathError // also what a request reads its body from
	if err == nil || errors.As(err, &file) || errors.Is(err, context.Canceled) {
		return false
	}
	var viaHTTP *url.Error
	var viaNet *net.OpError
	var dns *net.DNSError
	return errors.As(err, &viaHTTP) || errors.As(err, &viaNet) || errors.As(err, &dns) || BadTLS(err)
}

// BadTLS tells the connections that fail alike at every attempt: a certificate that is
// not trusted, a server without TLS.
func BadTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &cert) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// Code returns the server's error code, or "".
func Code(err error) string {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Status returns the HTTP status of the server's error answer, or 0.
func Status(err error) int {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return r.StatusCode
	}
	return 0
}
