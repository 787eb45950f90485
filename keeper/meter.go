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

// meter counts what a pass spends on a storage, and stops it when that is too much: it
// cancels the context, so that locks are still given back.
type meter struct {
	next            http.RoundTripper
	requests, bytes atomic.Int64
	budget          Budget
	stop            context.CancelCauseFunc
}

// newMeter bounds ctx by the budget. The caller calls the returned function when done.
func newMeter(ctx context.Context, budget Budget, next http.RoundTripper) (context.Context, *meter, func()) {
	ctx, stop := context.WithCancelCause(ctx)
	m := &meter{next: next, budget: budget, stop: stop}
	done := func() { stop(nil) }
	if budget.Time > 0 {
		t := time.AfterFunc(time.Duration(budget.Time), func() {
			stop(fmt.Errorf("%w: %s", ErrBudget, budget.Time))
		})
		done = func() { t.Stop(); stop(nil) }
	}
	return ctx, m, done
}

// RoundTrip sends a request. It never refuses one: the one that is stopped may still
// have to tidy up.
func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	if n := m.requests.Add(1); m.budget.Requests > 0 && n > m.budget.Requests {
		m.stop(fmt.Errorf("%w: %s", ErrBudget, plural.Of(m.budget.Requests, "request")))
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
	if total := b.m.bytes.Add(int64(n)); b.m.budget.Bytes > 0 && total > int64(b.m.budget.Bytes) {
		b.m.stop(fmt.Errorf("%w: %d bytes", ErrBudget, b.m.budget.Bytes))
	}
	return n, err
}
