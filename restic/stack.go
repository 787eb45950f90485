package restic

import (
	"context"
	"log/slog"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	englimiter "github.com/restic/restic/rwmlink/limiter"
	engretry "github.com/restic/restic/rwmlink/retry"
	engsema "github.com/restic/restic/rwmlink/sema"
)

// newStack wraps the innermost backend in the layers that every repository object
// needs, from the inside out: limits, guard, connection limit, retry, tracker. The key
// view and the cache are added per repository object.
func newStack(ctx context.Context, loc Location, o *options, create bool) (*tracker, error) {
	be, err := loc.backend(ctx, o, create)
	if err != nil {
		return nil, err
	}
	if o.meter != nil {
		_, past := loc.(*asOfLocation)
		be = &meter{Backend: be, limits: o.meter, free: past}
	}
	rates := newLimits(o.up, o.down)
	be = englimiter.LimitBackend(be, rates)
	be = engsema.NewBackend(&guard{Backend: be, location: loc.String()})
	retries := &broadcast{otherwise: o.events}
	// the retry layer takes 0 as forever
	be = engretry.New(be, max(o.retryFor, time.Nanosecond), reportRetry(o.logger, loc, retries), nil)
	t := newTracker(be, retries, o.aliveDir())
	t.limits = rates
	return t, nil
}

// reportRetry returns a function that is called after each failure, at the end with a
// negative pause.
func reportRetry(logger *slog.Logger, loc Location, listeners *broadcast) func(string, error, time.Duration) {
	return func(operation string, err error, after time.Duration) {
		if after < 0 {
			logger.Warn("request failed", "location", loc.String(), "operation", operation, "error", oneLine(err))
			return
		}
		listeners.emit(Retrying{Operation: operation, Err: err, After: after})
		logger.Warn("request failed, retrying", "location", loc.String(), "operation", operation, "error", oneLine(err), "after", after)
	}
}

// unwrap finds the layer of type T below be.
func unwrap[T any](be engbackend.Backend) (T, bool) {
	for be != nil {
		if t, ok := be.(T); ok {
			return t, true
		}
		u, ok := be.(engbackend.Unwrapper)
		if !ok {
			break
		}
		be = u.Unwrap()
	}
	var none T
	return none, false
}
