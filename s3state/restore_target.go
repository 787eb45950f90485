package s3state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// judgeTarget refuses every existing bucket but our own unfinished one.
func (r *restorer) judgeTarget(ctx context.Context) error {
	if !r.targetExists {
		return nil
	}
	f, err := r.s.bucketConfig(ctx, r.opts.Target)
	if err != nil && !s3err.Forbidden(err) {
		return err
	}
	var origin *RestoreOrigin
	if err == nil {
		origin = unfinishedRestore(r.opts.Target, f)
	}
	switch {
	case origin == nil || !r.ours(ctx, f):
		return fmt.Errorf("%w; choose another name, nothing was changed", ErrTargetExists)
	case *origin != r.origin:
		return fmt.Errorf("%w: it is an unfinished restore of something else (%s); choose another name, nothing was changed", ErrTargetExists, origin)
	}
	r.resume = true
	return nil
}

// ours reports whether the admin owns the target and its policy lets in nobody else. An
// attacker may make a bucket with a mark like ours, and wait for the backups.
func (r *restorer) ours(ctx context.Context, f *bucketConfig) bool {
	grants, err := readPolicy(f.policy)
	if err != nil || len(grants) != 1 || len(grants[0].principals) != 1 || f.acl.Owner.ID == "" {
		return false
	}
	if !slices.ContainsFunc(r.forms(false), func(form roles) bool { return grants[0].principals[0] == form.admin }) {
		return false
	}
	if arn, known := ownerPrincipal(f.acl.Owner.ID); known && arn == r.admin || f.acl.Owner.ID == r.live.acl.Owner.ID {
		return true
	}
	me, _, err := r.s.ownBuckets(ctx)
	return err == nil && me.ID == f.acl.Owner.ID
}

// requireNew refuses a bucket that was made just before: some servers accept that one
// makes one's own bucket again.
func (r *restorer) requireNew(ctx context.Context) error {
	f, err := r.s.bucketConfig(ctx, r.opts.Target)
	if err != nil {
		return err
	}
	entries := 0
	err = r.s.listVersions(ctx, r.opts.Target, "", nil, func(e []Version) error { entries += len(e); return nil })
	if err == nil && (f.policy != nil || entries > 0) {
		err = fmt.Errorf("%w: it was made at this very moment; choose another name, nothing was changed in it", ErrTargetExists)
	}
	return err
}

var errTakenOver = errors.New("another restore has taken over this bucket")

// stillOurs stops a run when another one of the same restore has taken over, or has
// completed it and let the host in, whose new objects must not be overwritten. Unless
// now is set it asks at most once every guardEvery.
func (r *restorer) stillOurs(ctx context.Context, now bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now && time.Since(r.checked) < r.s.guardEvery {
		return nil
	}
	f, err := r.s.bucketConfig(ctx, r.opts.Target)
	if err != nil {
		return err
	}
	if unfinishedRun(f.policy) != r.runID {
		return errTakenOver
	}
	r.checked = time.Now()
	return nil
}
