package restic

import (
	"context"
	"io"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engretry "github.com/restic/restic/rwmlink/retry"
)

// patient loads with retries, but always asks the storage. The session's own retry
// layer refuses a file for an hour once its retries have failed. That saves a backup
// much waiting, but a mount has to work again as soon as the storage does.
type patient struct {
	engbackend.Backend
	inner func() engbackend.Backend
}

func newPatient(s *Session) engbackend.Backend {
	layer, ok := unwrap[*engretry.Backend](s.stack)
	if !ok {
		return s.stack
	}
	return &patient{Backend: s.stack, inner: func() engbackend.Backend {
		return engretry.New(layer.Backend, max(s.opts.retryFor, time.Nanosecond), layer.Report, nil)
	}}
}

func (p *patient) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	return p.inner().Load(ctx, h, length, offset, fn)
}

func (p *patient) Unwrap() engbackend.Backend { return p.Backend }
