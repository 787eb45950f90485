package rwm

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// OpenAsOf opens the configured repository as its bucket was at a moment, copying
// nothing: see [restic.AsOf]. It needs the admin's credentials, or the host's if the
// provider lets the host read old versions. The caller closes the session.
//
// A saved state is first compared with the version history: one that cannot be trusted
// is refused with [s3state.ErrStateDiffers] or [s3state.ErrMissing]. A time needs no
// trust in the host.
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

// LocationAsOf returns the configured repository as of a moment, as a location for
// [restic.Open]. See [Manager.OpenAsOf].
func (m *Manager) LocationAsOf(ctx context.Context, moment s3state.Moment) (restic.Location, *s3state.View, error) {
	if m.cfg.ResticBucket == "" {
		return nil, nil, m.cfg.source.at("restic_bucket", "is missing or empty, and this needs the repository")
	}
	view, err := m.store.View(ctx, m.cfg.ResticBucket, moment, s3state.ViewOptions{
		Verify: true, OnEvent: func(event s3state.Event) { m.emit(StateEvent{event}) },
	})
	if s3err.Forbidden(err) {
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
			if !yield(restic.ObjectVersion{Key: o.Key, VersionID: o.VersionID, Size: o.Size, Modified: o.LastModified}) {
				return
			}
		}
	}
}
