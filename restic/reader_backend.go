package restic

import (
	"context"
	"io"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/retry"
)

// patient loads with retries, but always asks the storage. The session's own retry layer refuses a file for an hour once its retries have been
// in vain; that spares a backup much waiting, but what is mounted has to work again as soon as the storage does.
type patient struct {
	backend.Backend
	inner func() backend.Backend
}

func newPatient(s *Session) backend.Backend {
	layer, ok := unwrap[*retry.Backend](s.stack)
	if !ok {
		return s.stack
	}
	return &patient{Backend: s.stack, inner: func() backend.Backend {
		return retry.New(layer.Backend, max(s.opts.retryFor, time.Nanosecond), layer.Report, nil)
	}}
}

func (p *patient) Load(ctx context.Context, h backend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	return p.inner().Load(ctx, h, length, offset, fn)
}

func (p *patient) Unwrap() backend.Backend { return p.Backend }
