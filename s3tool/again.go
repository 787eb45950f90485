package s3tool

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// sendTimeout bounds one attempt to send a part: it may be large, and the line slow.
const sendTimeout = 24 * time.Hour

// completeTimeout is for copies and the completion of uploads, during which servers move
// the bytes.
const completeTimeout = 10 * time.Minute

// again repeats a call of minio-go whose answer is missing or broke off, whether or not
// the client repeats requests by itself: of those that got an answer it repeats none.
// limit bounds one attempt, 0 is the default.
func (t *Tool) again(ctx context.Context, bucket, what string, limit time.Duration, fn func(context.Context) error) error {
	var refused error // for good, perhaps before anything was sent
	err := t.versions.Retry(ctx, bucket, what, limit, func(ctx context.Context) error {
		err := fn(ctx)
		if err != nil && ctx.Err() == nil && !brokenOff(err) {
			refused, err = err, nil
		}
		return err
	})
	if err == nil {
		err = refused
	}
	return err
}

// confirmed is the error of a request that wrote. minio-go takes an error in an answer of
// status 200 for a success; only the missing ETag tells.
func confirmed(etag string, err error) error {
	if err == nil && etag == "" {
		return fmt.Errorf("the server does not confirm it: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func brokenOff(err error) bool {
	var cut *xml.SyntaxError
	return s3err.NoAnswer(err) || s3err.Transient(err) || errors.As(err, &cut) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
