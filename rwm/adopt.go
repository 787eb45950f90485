package rwm

import (
	"context"

	"github.com/cesnet/rwm/s3state"
)

// AdoptOptions configures [Manager.AdoptStorage].
type AdoptOptions struct {
	s3state.AdoptOptions
	// Renew configures the renewal that locks what is in the bucket already, if Lock of
	// the embedded options is set. AdoptStorage sets its Lock, and Renew of the embedded
	// options.
	Renew s3state.RenewOptions
}

// AdoptResult describes an adopted bucket.
type AdoptResult struct {
	*s3state.AdoptResult
	// Renewed is nil without a lock.
	Renewed *s3state.RenewResult
}

// AdoptStorage turns an existing bucket that holds a repository of restic, rustic or
// the Python RWM into a policed bucket ([s3state.Store.Adopt]). Nothing is copied, and
// the repository stays usable. It takes the credentials of the bucket's owner.
//
// With a lock it also locks what is in the bucket already ([Manager.RenewLocks]). Most
// errors come with a result, whose Plan says what was found.
func (m *Manager) AdoptStorage(ctx context.Context, bucket, targetUser string, opts AdoptOptions) (*AdoptResult, error) {
	m = m.made()
	res := &AdoptResult{}
	opts.Renew.Lock = opts.Lock
	renew := func(ctx context.Context) (err error) {
		res.Renewed, err = m.RenewLocks(ctx, bucket, opts.Renew)
		return err
	}
	opts.AdoptOptions.Renew = renew
	var err error
	if res.AdoptResult, err = m.store.Adopt(ctx, bucket, targetUser, opts.AdoptOptions); res.AdoptResult == nil {
		return nil, err
	}
	if err != nil || opts.DryRun || opts.Lock == nil || res.Renewed != nil {
		return res, err
	}
	return res, renew(ctx) // the bucket was locked before
}
