package s3versions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/minio/minio-go/v7"
)

// maxForeign is how often a request that ended together with another one is repeated
// without counting as an attempt.
const maxForeign = 8

// Retry reports a transient failure of a request that is about to be repeated.
type Retry struct {
	Bucket  string
	What    string
	Attempt int
	Err     error
}

// Retry runs fn until it succeeds, fails for good, or the Client's attempts are used
// up. Each attempt has its own time limit; 0 is the Client's. bucket and what name the
// request in logs. If no server answered, the error is an ErrUnreachable.
func (c *Client) Retry(
	ctx context.Context, bucket, what string, limit time.Duration, fn func(context.Context) error,
) error {
	if limit <= 0 {
		limit = c.timeout
	}
	pause := c.backoff
	foreign := 0
	for attempt := 1; ; attempt++ {
		actx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
		err := fn(reqctx.WithoutCause(actx))
		if err != nil && actx.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(actx))
		}
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if reqctx.Foreign(ctx, err) {
			if foreign++; foreign <= maxForeign {
				attempt--
				continue
			}
			err = fmt.Errorf("%w: %w", ErrUnreachable, reqctx.ErrClosed)
		}
		if !transient(err) || attempt >= c.attempts {
			return final(err, attempt)
		}
		c.log.Debug("request is repeated", "bucket", bucket, "what", what, "attempt", attempt, "error", err)
		if c.onRetry != nil {
			c.onRetry(Retry{Bucket: bucket, What: what, Attempt: attempt, Err: err})
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// final is the error after the last attempt. Answers that broke off at every attempt
// count as no answer.
func final(err error, attempt int) error {
	var r minio.ErrorResponse
	switch {
	case errors.As(err, &r) || attempt == 1:
		return err
	case errors.Is(err, ErrUnreachable):
		return fmt.Errorf("%w (tried %d times)", err, attempt)
	}
	return fmt.Errorf("%w (tried %d times): %w", ErrUnreachable, attempt, err)
}

// transient reports whether the same request may succeed a moment later. A lack of any
// answer is transient, unless waiting cannot help: the name does not resolve, the
// certificate is not trusted, the scheme is wrong.
func transient(err error) bool {
	var r minio.ErrorResponse
	if err == nil || errors.As(err, &r) {
		return s3err.Transient(err)
	}
	for _, final := range []error{ErrInvalid, ErrBadListing, errNeedsEncoding} {
		if errors.Is(err, final) {
			return false
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return !dns.IsNotFound
	}
	return !s3err.BadTLS(err) && !strings.Contains(err.Error(), "unsupported protocol scheme")
}
