package rwm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// DropVersions is [s3state.Store.DropVersions]. With RequireComplete, and where the
// repository's password is configured, the current repository is first proved whole,
// bypassing any cache, because it may need a pack that no saved state has. The history
// is judged with the password as well, and KeepStates counts only states that are
// proved. Without the password Reviewed must be set; the error is otherwise an
// [s3state.ErrNotProved], as it is where the proof did not get to its end.
// DropVersions sets Confirm, Prover, Inspector and Measure of the options, and
// ReviewedUntil as [Manager.History] does.
func (m *Manager) DropVersions(ctx context.Context, bucket string, opts s3state.DropOptions) (*s3state.DropResult, error) {
	m = m.made()
	review, err := m.Reviewed(bucket)
	if err != nil {
		return nil, err
	}
	if opts.ReviewedUntil.IsZero() {
		opts.ReviewedUntil = review.Until
	}
	if !m.knows(bucket) {
		return m.store.DropVersions(ctx, bucket, opts)
	}
	var session *restic.Session
	closeIt := func() {
		if session != nil {
			_ = session.Close() // it has only read
		}
	}
	defer func() { closeIt() }()
	prove := m.prover(nil, restic.WithoutCache())
	opts.Prover = prove
	opts.Confirm = func(ctx context.Context, now *s3state.View) (whole bool, err error) {
		closeIt() // of an earlier call
		session, err = m.openForCheck(ctx, m.asOf(now))
		switch {
		case noRepository(err):
			return false, nil // if there should be one, the storage tells
		case errors.Is(err, restic.ErrDamaged):
			return false, fmt.Errorf("%w: %w", s3state.ErrStorageIncomplete, err)
		case err != nil:
			return false, err
		}
		// What was written more than once has been read by now.
		proof, err := prove(ctx, now, func(string) bool { return false })
		switch {
		case err != nil:
			return false, err
		case proof.Verdict == s3state.Broken:
			return false, fmt.Errorf("%w: %w: %s", s3state.ErrStorageIncomplete, restic.ErrDamaged, proof.Reason)
		case proof.Verdict != s3state.Proved:
			return false, fmt.Errorf("%w: %w: %s", s3state.ErrUnconfirmed, s3state.ErrNotProved, proof.Reason)
		}
		return true, nil
	}
	opts.Inspector = func(ctx context.Context, _ time.Time) (s3state.Inspect, error) {
		if session == nil {
			return nil, nil
		}
		return inspector(ctx, session), nil
	}
	opts.Measure = m.measure()
	return m.store.DropVersions(ctx, bucket, opts)
}
