package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// ErrBudget: a pass has used up its budget for a storage. The next pass does the rest.
var ErrBudget = errors.New("the budget of this pass is spent")

// spent reports whether a budget was used up, and that is what ended ctx.
func spent(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrBudget) }

// meter counts what a pass spends on a storage, and stops it when that is too much: it
// cancels the context, so that locks are still given back.
type meter struct {
	next            http.RoundTripper
	requests, bytes atomic.Int64
	bound           atomic.Pointer[bound]
}

// bound is how far the counts may go, and what happens beyond; 0 means no limit.
type bound struct {
	requests, bytes int64
	budget          Budget
	stop            context.CancelCauseFunc
}

// newMeter bounds ctx by the budget. The caller calls the returned function when done.
func newMeter(ctx context.Context, budget Budget, next http.RoundTripper) (context.Context, *meter, func()) {
	m := &meter{next: next}
	ctx, done := m.grant(ctx, budget)
	return ctx, m, done
}

// grant bounds ctx by a budget from here on, which takes the place of the one before.
func (m *meter) grant(ctx context.Context, budget Budget) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(ctx)
	b := &bound{budget: budget, stop: stop}
	if budget.Requests > 0 {
		b.requests = m.requests.Load() + budget.Requests
	}
	if budget.Bytes > 0 {
		b.bytes = m.bytes.Load() + int64(budget.Bytes)
	}
	m.bound.Store(b)
	if budget.Time <= 0 {
		return ctx, func() { stop(nil) }
	}
	t := time.AfterFunc(time.Duration(budget.Time), func() {
		stop(fmt.Errorf("%w: %s", ErrBudget, budget.Time))
	})
	return ctx, func() { t.Stop(); stop(nil) }
}

// RoundTrip sends a request. It never refuses one: the one that is stopped may still
// have to tidy up.
func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	n := m.requests.Add(1)
	if b := m.bound.Load(); b.requests > 0 && n > b.requests {
		b.stop(fmt.Errorf("%w: %s", ErrBudget, plural.Of(b.budget.Requests, "request")))
	}
	resp, err := m.next.RoundTrip(req)
	if err == nil && resp.Body != nil {
		resp.Body = &meteredBody{resp.Body, m}
	}
	return resp, err
}

type meteredBody struct {
	io.ReadCloser
	m *meter
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	total := b.m.bytes.Add(int64(n))
	if to := b.m.bound.Load(); to.bytes > 0 && total > to.bytes {
		to.stop(fmt.Errorf("%w: %d bytes", ErrBudget, to.budget.Bytes))
	}
	return n, err
}
