package restic

import (
	"context"
	"errors"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

var errInjected = errors.New("injected failure")

// faultyLocation is a location whose storage fails where told to.
type faultyLocation struct {
	Location
	failRemove string // name of an object that cannot be removed
}

func (l *faultyLocation) backend(ctx context.Context, o *options, create bool) (engbackend.Backend, error) {
	be, err := l.Location.backend(ctx, o, create)
	return &faultyBackend{be, l}, err
}

type faultyBackend struct {
	engbackend.Backend
	loc *faultyLocation
}

func (b *faultyBackend) Unwrap() engbackend.Backend { return b.Backend }

func (b *faultyBackend) Remove(ctx context.Context, h engbackend.Handle) error {
	if h.Name == b.loc.failRemove {
		return errInjected
	}
	return b.Backend.Remove(ctx, h)
}
