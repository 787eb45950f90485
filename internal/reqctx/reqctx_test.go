package reqctx_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/reqctx"
)

type key struct{}

func TestWithoutCause(t *testing.T) {
	secret := errors.New("access denied, in another bucket")
	parent, end := context.WithCancelCause(context.WithValue(t.Context(), key{}, "kept"))
	ctx := reqctx.WithoutCause(parent)
	child, stop := context.WithCancel(ctx)
	defer stop()
	if ctx.Err() != nil || context.Cause(ctx) != nil || ctx.Value(key{}) != "kept" {
		t.Fatal(ctx.Err(), context.Cause(ctx), ctx.Value(key{}))
	}
	end(secret)
	<-child.Done()
	for _, c := range []context.Context{ctx, child} {
		if c.Err() != context.Canceled || context.Cause(c) != context.Canceled {
			t.Errorf("%v, cause %v", c.Err(), context.Cause(c))
		}
	}
	if context.Cause(parent) != secret {
		t.Error(context.Cause(parent))
	}
}

func TestWithoutCauseKeepsTheDeadline(t *testing.T) {
	parent, stop := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("too slow"))
	defer stop()
	ctx := reqctx.WithoutCause(parent)
	if _, ok := ctx.Deadline(); !ok {
		t.Error("no deadline")
	}
	<-ctx.Done()
	if err := context.Cause(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
}

func TestForeign(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	if !reqctx.Foreign(ctx, context.Canceled) || reqctx.Foreign(ctx, errors.New("reset")) || reqctx.Foreign(ctx, nil) {
		t.Error("a living context")
	}
	end()
	if reqctx.Foreign(ctx, context.Canceled) {
		t.Error("its own end")
	}
}

func TestCause(t *testing.T) {
	signal, own := errors.New("terminated signal received"), errors.New("refused")
	for _, test := range []struct {
		name string
		end  func(parent, ctx context.CancelCauseFunc)
		want error
	}{
		{"not ended", func(_, _ context.CancelCauseFunc) {}, nil},
		{"by the parent", func(parent, _ context.CancelCauseFunc) { parent(signal) }, context.Canceled},
		{"by itself", func(_, ctx context.CancelCauseFunc) { ctx(own) }, own},
		{"by itself, then the parent", func(parent, ctx context.CancelCauseFunc) { ctx(own); parent(signal) }, own},
		{"by the parent first", func(parent, ctx context.CancelCauseFunc) { parent(signal); ctx(own) }, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			parent, endParent := context.WithCancelCause(t.Context())
			ctx, end := context.WithCancelCause(parent)
			defer end(nil)
			test.end(endParent, end)
			if got := reqctx.Cause(parent, ctx); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			endParent(nil)
		})
	}
}
