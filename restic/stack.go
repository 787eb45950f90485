package restic

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/limiter"
	"github.com/restic/restic/rwmlink/retry"
	"github.com/restic/restic/rwmlink/sema"
)

// newStack wraps the innermost backend in what every repository object needs, inside out: limits, guard, connection limit, retry, tracker.
// The key view and the cache are added per repository object.
func newStack(ctx context.Context, loc Location, o *options, create bool) (*tracker, error) {
	be, err := loc.backend(ctx, o, create)
	if err != nil {
		return nil, err
	}
	if o.up > 0 || o.down > 0 {
		be = limiter.LimitBackend(be, limiter.NewStaticLimiter(limiter.Limits{UploadKb: o.up, DownloadKb: o.down}))
	}
	be = sema.NewBackend(&guard{Backend: be, location: loc.String()})
	retries := &broadcast{}
	// to the retry layer 0 means for ever
	be = retry.New(be, max(o.retryFor, time.Nanosecond), reportRetry(o.logger, loc, retries), nil)
	return newTracker(be, retries), nil
}

// reportRetry returns a function that is called after each failure, at the end with a negative pause.
func reportRetry(logger *slog.Logger, loc Location, listeners *broadcast) func(string, error, time.Duration) {
	return func(operation string, err error, after time.Duration) {
		if after < 0 {
			logger.Warn("request failed", "location", loc.String(), "operation", operation, "error", oneLine(err))
			return
		}
		listeners.emit(Retrying{Operation: operation, Err: err, After: after})
		logger.Warn("request failed, trying again", "location", loc.String(), "operation", operation, "error", oneLine(err), "after", after)
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// unwrap finds the layer of type T below be.
func unwrap[T any](be backend.Backend) (T, bool) {
	for be != nil {
		if t, ok := be.(T); ok {
			return t, true
		}
		u, ok := be.(backend.Unwrapper)
		if !ok {
			break
		}
		be = u.Unwrap()
	}
	var none T
	return none, false
}
