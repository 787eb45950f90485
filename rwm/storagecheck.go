package rwm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// StorageCheck is the result of CheckStorage.
type StorageCheck struct {
	s3state.StorageCheck
	// Repository is the result of restic's own check; nil if the repository's password
	// is not known, or if too much is missing to open the repository.
	Repository *restic.CheckResult
}

// CheckStorage is [s3state.Store.CheckStorage]. For the configured bucket, if its
// repository's password is configured too, it also makes restic's own check, past any
// cache, without a lock and by version IDs, so whatever is written or deleted meanwhile
// does not disturb it. Packs are then read by that check alone.
//
// OK is set only if restic's check found the repository whole and the header of every
// pack that it has not read is what the index says, which an attacker who knows the
// password can forge; see [ProofOptions] for how many requests that may take. Without
// the password the Proof says that nothing is proved. The findings of restic's check are
// among the problems. If the credentials may not read versions, as those of a host, restic's
// check is left out and a [Warning] says so.
func (m *Manager) CheckStorage(ctx context.Context, bucket string, opts s3state.CheckStorageOptions) (*StorageCheck, error) {
	m = m.made()
	defer m.events.Rethrow()
	var repository *restic.CheckResult
	var inside error
	if m.knows(bucket) {
		repository, inside = m.checkRepository(ctx, opts)
	}
	opts.LeavePacks, opts.Whole = repository != nil, repository != nil && inside == nil
	if opts.ReviewedUntil.IsZero() {
		review, err := m.Reviewed(bucket)
		if err != nil {
			return nil, err
		}
		opts.ReviewedUntil = review.Until
	}
	found, err := m.store.CheckStorage(ctx, bucket, opts)
	if found == nil {
		return nil, err
	}
	c := &StorageCheck{StorageCheck: *found, Repository: repository}
	switch {
	case repository != nil && errors.Is(inside, restic.ErrDamaged):
		unlisted := repository.Errors
		for _, f := range repository.Findings {
			if f.Damage() {
				c.problem(f.Error())
				unlisted--
			}
		}
		c.Total += unlisted
		var broken *restic.BrokenError
		if errors.As(inside, &broken) {
			for _, b := range broken.Broken {
				c.problem(b.String())
			}
			c.Total += broken.Total - len(broken.Broken)
		}
	case repository != nil && errors.Is(inside, restic.ErrNotProved) && !errors.Is(inside, restic.ErrUnreachable) && ctx.Err() == nil:
		// decide says so
	case errors.Is(inside, restic.ErrDamaged):
		c.problem(fmt.Sprintf("the repository cannot be opened: %v", inside))
	case errors.Is(inside, s3state.ErrStateDiffers), errors.Is(inside, s3state.ErrMissing):
		// that is among the problems already
	case noRepository(inside):
		// if there should be one, the last state has told
	case errors.Is(inside, restic.ErrAccessDenied):
		m.warn(fmt.Sprintf("restic's own check is left out: %v", inside))
	case errors.Is(inside, restic.ErrWrongPassword):
		c.problem(fmt.Sprintf("the repository does not open: %v", inside))
	case inside != nil:
		return c, inside
	}
	c.decide(bucket, inside, opts, m)
	return c, c.Err()
}

// decide says what was proved.
func (c *StorageCheck) decide(bucket string, inside error, opts s3state.CheckStorageOptions, m *Manager) {
	switch {
	case c.Lapse != nil: // broken or whole, it may not be all there was
		c.Proof = s3state.Proof{Verdict: s3state.NotProved, Reason: c.Lapse.String()}
	case c.Total > 0 && m.knows(bucket):
		c.Proof = s3state.Proof{Verdict: s3state.Broken, Reason: c.Problems[0].Reason}
	case c.Repository != nil && inside == nil:
		c.Proof = s3state.Proof{Verdict: s3state.Proved, DataRead: opts.ReadPercent >= 100, Snapshots: c.Repository.Snapshots, Packs: c.Repository.Packs}
		c.OK = true
	case m.knows(bucket) && inside != nil && !noRepository(inside):
		c.Proof.Reason = inside.Error()
	case m.knows(bucket):
	default:
		review, err := m.Reviewed(bucket)
		if err != nil {
			review = Review{}
		}
		if !c.OK && c.Proof.Reason == s3state.NoPassword {
			c.Proof.Reason = m.whyNot(bucket, review)
		}
	}
}

func (c *StorageCheck) problem(reason string) {
	c.Total++
	c.Problems = append(c.Problems, s3state.Difference{Reason: reason})
}

// noRepository reports whether there never was a repository, as far as that itself can
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
	if err = errors.Join(err, session.Close()); err == nil && opts.ReadPercent < 100 {
		err = m.compareHeaders(ctx, loc)
	}
	return result, err
}

// compareHeaders proves a repository that was checked: what reads no data believes the
// index, which may name packs that have something else in them.
func (m *Manager) compareHeaders(ctx context.Context, loc restic.Location) error {
	m.evidence.begin(m)
	defer m.evidence.end(m)
	_, err := restic.Prove(ctx, loc, m.cfg.ResticPassword, restic.ProveOptions{
		MaxRequests: max(m.proof.withDefaults().MaxRequests, 0), PackHeaders: true, Ledger: m.evidence.packs(),
	}, m.sessionOptions(nil)...)
	return err
}

// aheadOfAnyClock is when a moment lies in the future for every server.
const aheadOfAnyClock = 365 * 24 * time.Hour

// locationForCheck is the repository at a moment. What is current is looked at in the
// same way, by version IDs, for it may change while it is read.
func (m *Manager) locationForCheck(ctx context.Context, moment s3state.Moment) (restic.Location, error) {
	if moment != (s3state.Moment{}) {
		loc, _, err := m.LocationAsOf(ctx, moment)
		return loc, err
	}
	view, err := m.store.View(ctx, m.cfg.ResticBucket, s3state.Moment{At: time.Now().Add(aheadOfAnyClock)}, s3state.ViewOptions{})
	if err != nil {
		return nil, err
	}
	return m.asItIs(view), nil
}

func (m *Manager) asItIs(now *s3state.View) restic.Location {
	return restic.AsOfObjects(m.client, m.cfg.ResticBucket, "", "as it is now", viewObjects{now})
}

func (m *Manager) openForCheck(ctx context.Context, loc restic.Location) (*restic.Session, error) {
	return restic.Open(ctx, loc, m.cfg.ResticPassword, m.sessionOptions([]restic.Option{restic.WithoutCache()})...)
}
