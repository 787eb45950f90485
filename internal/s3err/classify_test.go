package s3err

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
)

func TestClassifyAndTransient(t *testing.T) {
	answer := func(status int, code string) error {
		return fmt.Errorf("x: %w", minio.ErrorResponse{StatusCode: status, Code: code})
	}
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	file := &fs.PathError{Op: "read", Path: "f", Err: syscall.EIO}
	for _, c := range []struct {
		err       error
		cause     error
		transient bool
	}{
		{nil, nil, false},
		{errors.New("x"), nil, false},
		{answer(404, "NoSuchBucket"), ErrNoBucket, false},
		{answer(404, "NoSuchVersion"), ErrNoObject, false},
		{answer(404, "NoSuchBucketPolicy"), nil, false},
		{answer(403, ""), ErrAccessDenied, false},
		{answer(403, "InvalidObjectState"), nil, false},
		{answer(0, "AccessDenied"), ErrAccessDenied, false},
		{answer(403, "SignatureDoesNotMatch"), ErrCredentials, false},
		{answer(409, "BucketNotEmpty"), ErrNotEmpty, false},
		{answer(409, "OperationAborted"), nil, true},
		{answer(409, "Conflict"), nil, true},
		{answer(200, "InternalError"), nil, true},
		{answer(400, "BadDigest"), nil, true},
		{answer(400, "InvalidArgument"), nil, false},
		{answer(400, "InvalidBucketName"), ErrInvalid, false},
		{answer(408, "RequestTimeout"), nil, true},
		{answer(429, ""), nil, true},
		{answer(500, ""), nil, true},
		{answer(501, "NotImplemented"), nil, false},
		{answer(503, "SlowDown"), nil, true},
		{refused, ErrUnreachable, false},
		{&url.Error{Op: "Get", Err: refused}, ErrUnreachable, false},
		{&url.Error{Op: "Put", Err: file}, nil, false},
		{&url.Error{Op: "Get", Err: context.Canceled}, nil, false},
		{file, nil, false},
	} {
		if got := Classify(c.err); got != c.cause {
			t.Errorf("%v: %v, not %v", c.err, got, c.cause)
		}
		if got := Transient(c.err); got != c.transient {
			t.Errorf("%v: transient: %v", c.err, got)
		}
	}
}

func TestWrapped(t *testing.T) {
	if Wrap(nil, "x") != nil || WrapAs(ErrInvalid, nil, "x") != nil {
		t.Error("nothing was wrapped into something")
	}
	own := errors.New("no such state")
	err := WrapAs(own, minio.ErrorResponse{StatusCode: 404, Code: "NoSuchKey", Message: "gone"}, "read %q", "k")
	if err.Error() != `read "k": NoSuchKey: gone` || !errors.Is(err, own) || !errors.Is(err, ErrNoObject) || Status(err) != 404 || Code(err) != "NoSuchKey" {
		t.Errorf("%v", err)
	}
	if err := As(ErrNotEmpty, own, "directory d is not empty"); err.Error() != "directory d is not empty" || !errors.Is(err, ErrNotEmpty) || !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	if Forbidden(ErrCredentials) || !Forbidden(ErrAccessDenied) || !errors.Is(ErrCredentials, ErrAccessDenied) {
		t.Error("credentials that are not accepted lack no right")
	}
}
