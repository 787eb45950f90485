package rwm

import (
	"context"
	"errors"
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
	m = m.made()
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

// ViewsAsOf returns the configured bucket as of several times, for one listing of it:
// see [s3state.Store.Views]. [Manager.OpenView] opens them. It needs the same rights as
// OpenAsOf.
func (m *Manager) ViewsAsOf(ctx context.Context, times ...time.Time) ([]*s3state.View, error) {
	m = m.made()
	defer m.events.Rethrow()
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	views, err := m.store.Views(ctx, m.cfg.ResticBucket, times, s3state.ViewOptions{
		Verify: true, OnEvent: func(event s3state.Event) { m.emit(StateEvent{event}) },
	})
	return views, adviseAdmin(err)
}

// OpenView opens the configured repository as a view of its bucket shows it, as
// OpenAsOf does. The caller closes the session.
func (m *Manager) OpenView(ctx context.Context, view *s3state.View, opts ...restic.Option) (*restic.Session, error) {
	m = m.made()
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	if view == nil || view.Bucket != m.cfg.ResticBucket {
		return nil, fmt.Errorf("the view is not one of bucket %s", m.cfg.ResticBucket)
	}
	return restic.Open(ctx, m.asOf(view), m.cfg.ResticPassword, m.sessionOptions(opts)...)
}

func adviseAdmin(err error) error {
	if s3err.Forbidden(err) {
		return fmt.Errorf("%w (not every provider lets the host read old versions: use the admin's credentials)", err)
	}
	return err
}

// LocationAsOf returns the configured repository as of a moment, as a location for
// [restic.Open]. See [Manager.OpenAsOf].
func (m *Manager) LocationAsOf(ctx context.Context, moment s3state.Moment) (restic.Location, *s3state.View, error) {
	m = m.made()
	defer m.events.Rethrow()
	if m.cfg.ResticBucket == "" {
		return nil, nil, m.cfg.source.at("restic_bucket", "is missing or empty, and this needs the repository")
	}
	view, err := m.store.View(ctx, m.cfg.ResticBucket, moment, s3state.ViewOptions{
		Verify: true, OnEvent: func(event s3state.Event) { m.emit(StateEvent{event}) },
	})
	err = adviseAdmin(err)
	if moment.StateKey == "" && (errors.Is(err, s3state.ErrNoState) || err == nil && !holdsConfig(view)) {
		if early := m.tooEarly(ctx, moment.At); early != nil {
			return nil, view, early
		}
	}
	if err != nil {
		return nil, view, err
	}
	if v := view.Verification; v != nil && v.Lapse != nil {
		m.warn(v.Lapse.String())
	}
	return restic.AsOfObjects(m.client, m.cfg.ResticBucket, "", MomentString(view, time.Local), viewObjects{view}), view, nil
}

// TooEarlyError says that a moment is before the repository was made. It wraps
// [restic.ErrNoRepository] and [s3state.ErrNoState].
type TooEarlyError struct {
	Bucket string
	At     time.Time // what was asked for
	First  time.Time // when the repository was made, by the server's clock
}

func (e *TooEarlyError) Error() string {
	return fmt.Sprintf("%v in bucket %s as of %s: the earliest moment with one is %s", restic.ErrNoRepository, e.Bucket,
		e.At.Local().Format("2006-01-02 15:04:05 MST (-07:00)"), e.First.Local().Format("2006-01-02T15:04:05.999999999Z07:00"))
}

// Unwrap is for errors.Is.
func (e *TooEarlyError) Unwrap() []error {
	return []error{restic.ErrNoRepository, s3state.ErrNoState}
}

func holdsConfig(view *s3state.View) bool {
	_, ok := view.Get("config")
	return ok
}

// tooEarly compares a time with the versions of the repository's config, the last
// object that init writes.
func (m *Manager) tooEarly(ctx context.Context, at time.Time) error {
	var first time.Time
	for v, err := range m.store.Client().Versions(ctx, m.cfg.ResticBucket, "config") {
		if err != nil {
			return err
		}
		if v.Key == "config" && !v.DeleteMarker && (first.IsZero() || v.LastModified.Before(first)) {
			first = v.LastModified
		}
	}
	if first.After(at) {
		return &TooEarlyError{m.cfg.ResticBucket, at, first}
	}
	return nil
}

// viewObjects adapts a view to restic.AsOfObjects.
type viewObjects struct{ *s3state.View }

func (v viewObjects) Get(key string) (restic.ObjectVersion, bool) {
	o, ok := v.View.Get(key)
	return objectVersion(o), ok
}

func (v viewObjects) All(prefix string) iter.Seq[restic.ObjectVersion] {
	return func(yield func(restic.ObjectVersion) bool) {
		for o := range v.View.All(prefix) {
			if !yield(objectVersion(o)) {
				return
			}
		}
	}
}

func objectVersion(o s3state.Object) restic.ObjectVersion {
	return restic.ObjectVersion{Key: o.Key, VersionID: o.VersionID, Size: o.Size, LastModified: o.LastModified}
}
