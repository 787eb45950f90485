package rwm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// OpenAsOf opens the configured repository as its bucket was at a moment,
// copying nothing: see [restic.AsOf]. It takes the admin's credentials, or the
// host's where the provider lets it read old versions. The caller closes the
// session.
//
// A saved state is first compared with the version history:
// [s3state.ErrStateDiffers] and [s3state.ErrMissing] refuse one that cannot be
// trusted. A time needs no trust.
func (m *Manager) OpenAsOf(ctx context.Context, moment s3state.Moment, opts ...restic.Option) (*restic.Session, *s3state.View, error) {
	if err := m.needRepository(); err != nil {
		return nil, nil, err
	}
	loc, view, err := m.LocationAsOf(ctx, moment)
	if err != nil {
		return nil, view, err
	}
	session, err := restic.Open(ctx, loc, m.cfg.ResticPassword, m.sessionOptions(opts)...)
	return session, view, err
}

// LocationAsOf is where the configured repository was at a moment, for
// restic.Open. See [Manager.OpenAsOf].
func (m *Manager) LocationAsOf(ctx context.Context, moment s3state.Moment) (restic.Location, *s3state.View, error) {
	if m.cfg.ResticBucket == "" {
		return nil, nil, m.cfg.source.at("restic_bucket", "is missing or empty, and this needs the repository")
	}
	view, err := m.store.View(ctx, m.cfg.ResticBucket, moment, s3state.ViewOptions{
		Verify: true, OnEvent: func(event s3state.Event) { m.emit(StateEvent{event}) },
	})
	if errors.Is(err, s3state.ErrAccessDenied) {
		err = fmt.Errorf("%w (not every provider lets the host read old versions: use the admin's credentials)", err)
	}
	if err != nil {
		return nil, view, err
	}
	return restic.AsOf(m.client, m.cfg.ResticBucket, "", MomentString(view, time.Local), objectVersions(view)), view, nil
}

func objectVersions(view *s3state.View) iter.Seq[restic.ObjectVersion] {
	return func(yield func(restic.ObjectVersion) bool) {
		for o := range view.All("") {
			if !yield(restic.ObjectVersion{Key: o.Key, VersionID: o.VersionID, Size: o.Size}) {
				return
			}
		}
	}
}
