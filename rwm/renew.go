package rwm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// RenewLocks is [s3state.Store.Renew]. For the configured bucket, if its repository's
// password is configured too, it also judges the history with the password, and a
// broken repository is suspicious. If the repository could not be examined, the locks
// are renewed without the password, and a [Warning] says so.
//
// It renews all that is current, also what neither an index nor a snapshot names: the
// host writes those, and an attacker on it could hide them for the minutes of each
// renewal, until the locks of everything else have ended. A caller's Needed may leave
// something out; then the repository is not examined here.
//
// RenewLocks sets Suspicious of the options unless the caller did, and Freeze if the
// repository is broken.
func (m *Manager) RenewLocks(ctx context.Context, bucket string, opts s3state.RenewOptions) (*s3state.RenewResult, error) {
	m = m.made()
	defer m.events.Rethrow()
	if opts.Suspicious == nil {
		opts.Suspicious = func(ctx context.Context) (string, error) {
			h, err := m.History(ctx, bucket, s3state.HistoryOptions{})
			if err != nil {
				return "", err
			}
			return s3state.SuspiciousHistory(h), nil
		}
	}
	if m.knows(bucket) && opts.Needed == nil && opts.Freeze == "" {
		var err error
		if opts.Freeze, err = m.broken(ctx); err != nil {
			return nil, &s3state.StepError{
				Op: "renew the locks of", Bucket: bucket, Step: "look whether the repository lacks anything", Err: err, Left: "nothing was changed", Next: "run the same again",
			}
		}
	}
	return m.store.Renew(ctx, bucket, opts)
}

// broken says what the configured repository lacks; "" if nothing, or if that cannot be
// found out.
func (m *Manager) broken(ctx context.Context) (what string, err error) {
	loc, err := m.locationForCheck(ctx, s3state.Moment{})
	if err == nil {
		_, err = restic.Prove(ctx, loc, m.cfg.ResticPassword, restic.ProveOptions{}, m.sessionOptions([]restic.Option{restic.WithoutCache()})...)
	}
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, restic.ErrBroken):
		return err.Error(), nil
	case noRepository(err):
		return "", nil
	}
	m.warn(fmt.Sprintf("whether the repository lacks anything cannot be told: %v", err))
	return "", nil
}

// LastRenewal returns what the last renewal of a bucket's locks on this machine proved
// at its end (see [Manager.RenewLedgerPath]). It is zero if there was none, and where
// the user has no directory for a record of it.
func (m *Manager) LastRenewal(bucket string) (s3state.FloorProof, error) {
	m = m.made()
	path, err := m.RenewLedgerPath(bucket)
	if err != nil {
		return s3state.FloorProof{}, nil //nolint:nilerr // there is no home, as in a service
	}
	_, proof, err := s3state.ReadRenewLedger(path)
	return proof, err
}

// promised is the promise for which this machine has renewed a bucket's locks. If it is
// not known it is zero, and the settings of the bucket count.
func (m *Manager) promised(bucket string) s3state.Promise {
	path, err := m.RenewLedgerPath(bucket)
	if err != nil {
		return s3state.Promise{}
	}
	p, _, err := s3state.ReadRenewLedger(path)
	if err != nil {
		m.log.Warn("what was promised is not known", "error", err)
	}
	return p
}

// RenewLedgerPath returns the path of the record of a bucket's renewals that the
// command keeps: in the user's cache directory, by endpoint and bucket.
func (m *Manager) RenewLedgerPath(bucket string) (string, error) {
	m = m.made()
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("record of renewals: %w; set one of them, or name a file (storage-renew --ledger FILE)", err)
	}
	sum := sha256.Sum256([]byte(m.client.EndpointURL().String() + "\x00" + bucket))
	return filepath.Join(dir, "rwm", "renewals", fmt.Sprintf("%x", sum[:16])), nil
}
