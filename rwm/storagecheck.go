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
// whole, too: it can say that a pack is needed which no saved state has. Then no saved
// state has to confirm what there is, and History judges with the password.
func (m *Manager) DropVersions(ctx context.Context, bucket string, opts s3state.DropOptions) (*s3state.DropResult, error) {
	if opts.RequireComplete && m.knows(bucket) {
		whole, err := m.whole(ctx, bucket, opts)
		if err != nil {
			return &s3state.DropResult{Bucket: bucket}, fmt.Errorf("drop versions of bucket %s: nothing was removed: %w: %w", bucket, s3state.ErrIncomplete, err)
		}
		opts.Reviewed = opts.Reviewed || whole
	}
	return m.store.DropVersions(ctx, bucket, opts)
}

// whole tells what the password can tell of a repository whose old versions are to be
// dropped. It says false if it can tell nothing.
func (m *Manager) whole(ctx context.Context, bucket string, opts s3state.DropOptions) (bool, error) {
	switch _, err := m.checkRepository(ctx, s3state.CheckStorageOptions{}); {
	case noRepository(err):
		return false, nil // if there should be one, the storage tells
	case err != nil:
		return false, err
	case opts.Reviewed:
		return true, nil
	}
	h, err := m.History(ctx, bucket, s3state.HistoryOptions{OnEvent: opts.OnEvent})
	if err == nil && h.Total > 0 {
		err = fmt.Errorf("its history shows what no run of restic does (%d in all), first %s", h.Total, h.Suspicions[0])
	}
	return err == nil, err
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
	session, err := restic.Open(ctx, loc, m.cfg.ResticPassword, m.sessionOptions([]restic.Option{restic.WithoutCache()})...)
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
	return restic.AsOf(m.client, m.cfg.ResticBucket, "", "as it is now", objectVersions(view)), nil
}
