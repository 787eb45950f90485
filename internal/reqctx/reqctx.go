// Package reqctx keeps the end of one request from ending another one.
//
// net/http gives a connection back before a late cancellation of its last request has
// reached it. The next request on that connection then fails with the cause of the
// cancellation, which may be any error at all: a refusal from another bucket would pass
// for an answer to this request. So requests carry no cause. What ends another request
// is then context.Canceled, which a request whose own context lives can tell from its
// own end.
package reqctx

import (
	"context"
	"errors"
)

// ErrClosed is the reason of a request that ended together with another one.
var ErrClosed = errors.New("the connection was closed together with another request")

// WithoutCause gives a context that ends when ctx does, and whose [context.Cause] is
// its Err. The caller keeps ctx for the cause.
func WithoutCause(ctx context.Context) context.Context {
	return request{Context: ctx, values: context.WithoutCancel(ctx)}
}

type request struct {
	context.Context
	values context.Context
}

// Value asks a context without a cause: context.Cause finds it by a value.
func (r request) Value(key any) any { return r.values.Value(key) }

// AfterFunc spares package context a goroutine for each child.
func (r request) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(r.Context, f) }

// Foreign reports whether err, with which a request under ctx failed, is the
// cancellation of another one.
func Foreign(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, context.Canceled)
}

// Cause is [context.Cause] of ctx, which was made of parent and can end with a cause of
// its own. Where parent has ended it, it is parent's Err: what the caller's context ends
// with says nothing to who asks for [context.Canceled].
func Cause(parent, ctx context.Context) error {
	cause := context.Cause(ctx)
	if parent.Err() != nil && errors.Is(cause, context.Cause(parent)) {
		return parent.Err()
	}
	return cause
}
