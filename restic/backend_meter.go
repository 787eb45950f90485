package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	engbackend "github.com/restic/restic/rwmlink/backend"

	"github.com/cesnet/rwm/internal/plural"
)

// listPage is how many objects a listing gives with one request.
const listPage = 1000

// meter counts what is asked of the storage, and refuses to ask for more than allowed.
// It sits right above the storage, so that what a cache has costs nothing and a request
// that is sent again counts again.
type meter struct {
	engbackend.Backend
	limits *meterLimits
	free   bool // listings ask for nothing: they are answered from a list of versions
}

type meterLimits struct {
	maxRequests, maxBytes int64 // 0 means no bound
	requests, bytes       atomic.Int64
}

// Budget bounds what the sessions that share it ask of the storage. It is safe for
// concurrent use.
type Budget struct{ limits meterLimits }

// NewBudget returns a budget of so many requests; 0 or less means no limit.
func NewBudget(requests int64) *Budget {
	return &Budget{meterLimits{maxRequests: max(requests, 0)}}
}

// WithBudget lets a session read no more from the storage than the budget has left.
// Beyond that, operations return ErrBudget. nil means no limit.
func WithBudget(b *Budget) Option {
	return func(o *options) {
		if b != nil {
			o.meter = &b.limits
		}
	}
}

func (m *meterLimits) spend(requests, bytes int64) error {
	r, b := m.requests.Add(requests), m.bytes.Add(bytes)
	switch {
	case m.maxRequests > 0 && r > m.maxRequests:
		m.requests.Add(-requests)
		return fmt.Errorf("%w: %s %s allowed", ErrBudget, plural.Of(m.maxRequests, "request"), plural.Were(m.maxRequests))
	case m.maxBytes > 0 && b > m.maxBytes:
		return fmt.Errorf("%w: %d bytes were allowed", ErrBudget, m.maxBytes)
	}
	return nil
}

func (m *meter) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if err := m.limits.spend(1, 0); err != nil {
		return err
	}
	return m.Backend.Load(ctx, h, length, offset, func(rd io.Reader) error {
		return fn(&meteredReader{rd, m.limits})
	})
}

type meteredReader struct {
	io.Reader
	limits *meterLimits
}

func (r *meteredReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if spent := r.limits.spend(0, int64(n)); spent != nil {
		return 0, spent
	}
	return n, err
}

func (m *meter) List(ctx context.Context, t engbackend.FileType, fn func(engbackend.FileInfo) error) error {
	n := 0
	return m.Backend.List(ctx, t, func(fi engbackend.FileInfo) error {
		if !m.free && n%listPage == 0 {
			if err := m.limits.spend(1, 0); err != nil {
				return err
			}
		}
		n++
		return fn(fi)
	})
}

func (m *meter) Stat(ctx context.Context, h engbackend.Handle) (engbackend.FileInfo, error) {
	if !m.free {
		if err := m.limits.spend(1, 0); err != nil {
			return engbackend.FileInfo{}, err
		}
	}
	return m.Backend.Stat(ctx, h)
}

func (m *meter) IsPermanentError(err error) bool {
	return errors.Is(err, ErrBudget) || m.Backend.IsPermanentError(err)
}

func (m *meter) Unwrap() engbackend.Backend { return m.Backend }
