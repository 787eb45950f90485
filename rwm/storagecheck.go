package rwm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// StorageCheck is what CheckStorage found.
type StorageCheck struct {
	s3state.StorageCheck
	// Repository is what restic's own check found: nil if the repository's password
	// is not known, or the storage is not even complete enough to open it.
	Repository *restic.CheckResult
}

// CheckStorage is [s3state.Store.CheckStorage]. Of the configured bucket, if its
// repository's password is configured too, restic's own check is made as well, past any
// cache, without a lock and by version ids, so whatever is written or deleted meanwhile
// does not disturb it. Packs are then read by that check alone.
//
// What restic finds is among the problems. If the credentials may not read versions, as
// a host's, restic's check is left out and a [Warning] says so.
func (m *Manager) CheckStorage(ctx context.Context, bucket string, opts s3state.CheckStorageOptions) (*StorageCheck, error) {
	var repository *restic.CheckResult
	var inside error
	if m.knows(bucket) {
		repository, inside = m.checkRepository(ctx, opts)
	}
	opts.LeavePacks = repository != nil
	found, err := m.store.CheckStorage(ctx, bucket, opts)
	if err != nil {
		return nil, err
	}
	c := &StorageCheck{StorageCheck: *found, Repository: repository}
	switch {
	case repository != nil && errors.Is(inside, restic.ErrDamaged):
		for _, f := range repository.Findings {
			if f.Damage() {
				c.problem(f.Error())
			}
		}
	case errors.Is(inside, restic.ErrDamaged):
		c.problem(fmt.Sprintf("the repository cannot be opened: %v", inside))
	case errors.Is(inside, s3state.ErrStateDiffers), errors.Is(inside, s3state.ErrMissing):
		// that is among the problems already
	case noRepository(inside):
		// if there should be one, the last state has told
	case errors.Is(inside, s3state.ErrAccessDenied), errors.Is(inside, restic.ErrAccessDenied):
		m.warn(fmt.Sprintf("restic's own check is left out: %v", inside))
	case inside != nil:
		return c, inside
	}
	c.OK = c.Total == 0
	return c, nil
}

func (c *StorageCheck) problem(reason string) {
	c.Total++
	c.Problems = append(c.Problems, s3state.Difference{Reason: reason})
}

// DropVersions is [s3state.Store.DropVersions]. With RequireComplete, and where the
// repository's password is configured, restic's own check has to find the repository
// whole, too, as it is when dropping begins: it can say that a pack is needed which no
// saved state has. The history is judged with the password as well. Confirm and
// Inspector of the options are set by this.
func (m *Manager) DropVersions(ctx context.Context, bucket string, opts s3state.DropOptions) (*s3state.DropResult, error) {
	if !m.knows(bucket) {
		return m.store.DropVersions(ctx, bucket, opts)
	}
	var session *restic.Session
	defer func() {
		if session != nil {
			_ = session.Close() // it has only read
		}
	}()
	opts.Confirm = func(ctx context.Context, now *s3state.View) (whole bool, err error) {
		session, err = m.openForCheck(ctx, m.asItIs(now))
		if err == nil {
			_, err = session.Check(ctx, restic.CheckOptions{})
		}
		switch {
		case noRepository(err):
			return false, nil // if there should be one, the storage tells
		case errors.Is(err, restic.ErrDamaged):
			return false, fmt.Errorf("%w: %w", s3state.ErrIncomplete, err)
		}
		return err == nil, err
	}
	opts.Inspector = func(ctx context.Context, _ time.Time) (s3state.Inspect, error) {
		if session == nil {
			return nil, nil
		}
		return inspector(ctx, session), nil
	}
	return m.store.DropVersions(ctx, bucket, opts)
}

// noRepository tells that none ever was there, as far as the repository itself can
// tell.
func noRepository(err error) bool {
	return !errors.Is(err, restic.ErrDamaged) && (errors.Is(err, restic.ErrNoRepository) || errors.Is(err, s3state.ErrNoState))
}

// knows says that the bucket's repository can be opened by the configuration.
func (m *Manager) knows(bucket string) bool {
	return bucket == m.cfg.ResticBucket && m.cfg.ResticPassword != ""
}

// checkRepository is restic's check on a moment, none for what is current.
func (m *Manager) checkRepository(ctx context.Context, opts s3state.CheckStorageOptions) (*restic.CheckResult, error) {
	loc, err := m.locationForCheck(ctx, opts.Moment)
	if err != nil {
		return nil, err
	}
	session, err := m.openForCheck(ctx, loc)
	if err != nil {
		return nil, err
	}
	check := restic.CheckOptions{ReadData: opts.ReadPercent > 0}
	if check.ReadData && opts.ReadPercent < 100 {
		check.Subset = restic.SubsetPercent(opts.ReadPercent)
	}
	result, err := session.Check(ctx, check)
	return result, errors.Join(err, session.Close())
}

// locationForCheck is the repository at a moment. What is current is looked at in the
// same way, by version ids, for it may change while it is read.
func (m *Manager) locationForCheck(ctx context.Context, moment s3state.Moment) (restic.Location, error) {
	if moment != (s3state.Moment{}) {
		loc, _, err := m.LocationAsOf(ctx, moment)
		return loc, err
	}
	const aheadOfAnyClock = 365 * 24 * time.Hour
	view, err := m.store.View(ctx, m.cfg.ResticBucket, s3state.Moment{At: time.Now().Add(aheadOfAnyClock)}, s3state.ViewOptions{})
	if err != nil {
		return nil, err
	}
	return m.asItIs(view), nil
}

func (m *Manager) asItIs(now *s3state.View) restic.Location {
	return restic.AsOf(m.client, m.cfg.ResticBucket, "", "as it is now", objectVersions(now))
}

func (m *Manager) openForCheck(ctx context.Context, loc restic.Location) (*restic.Session, error) {
	return restic.Open(ctx, loc, m.cfg.ResticPassword, m.sessionOptions([]restic.Option{restic.WithoutCache()})...)
}
