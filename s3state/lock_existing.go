package s3state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cesnet/rwm/internal/s3err"
)

// LockBucketOptions configures the lock of an existing bucket.
type LockBucketOptions struct {
	Lock LockOptions
	// Keeper gets the keeper's access, a user name or an ARN; empty for the one that
	// the policy names, if any.
	Keeper string
	// Renew is called once new versions are locked and before the lifecycle rule is
	// set, so that what it locks is not removed by the rule first. It is the place to
	// call Store.Renew. An error ends LockBucket; calling it again continues.
	Renew   func(ctx context.Context) error
	OnEvent func(Event)
}

// LockBucketResult describes a bucket that was locked.
type LockBucketResult struct {
	Bucket    string
	Keeper    string // principal; "" without one
	Lock      *Lock
	LockProof *LockProof // nil if the bucket had a default retention before
	Check     *PolicyCheck
	// Lapses says that the lifecycle rule removes old versions sooner than they were
	// removed until now, if at all.
	Lapses bool
	// KeptRules describe the lifecycle rules of others, which stay beside the lock's.
	KeptRules []string
}

// LockBucket gives a policed bucket object lock, a default retention and a lifecycle
// rule, or changes those it has, as Create does for a new one. It takes the admin's
// credentials. What is in the bucket already is not locked by that, but by
// LockBucketOptions.Renew. The rule then removes old versions that nothing has locked:
// moments more than LockOptions.Days ago can no longer be restored.
//
// The lock is tried out before anything is locked for long. A step that fails leaves
// those before it in place, and the *StepError names them: none takes a right away from
// the host or makes a lock shorter. Where the server cannot lock a bucket that exists,
// the error wraps ErrNoLock, and nothing was changed; restore the bucket into a new one
// with RestoreOptions.Lock instead.
//
// Errors: ErrPolicy, ErrNoLock, ErrLockFails, *StepError.
func (s *Store) LockBucket(ctx context.Context, bucket string, opts LockBucketOptions) (*LockBucketResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	res := &LockBucketResult{Bucket: bucket}
	fail := func(err error) (*LockBucketResult, error) {
		return res, endedEarly(ctx, fmt.Errorf("lock bucket %s: %w", bucket, err), "lock bucket", bucket)
	}
	want, err := opts.Lock.filled()
	if err != nil {
		return fail(err)
	}
	if err := s.requireOwner(ctx, bucket); err != nil {
		return fail(fmt.Errorf("%w; nothing was changed", err))
	}
	check, err := s.CheckPolicy(ctx, bucket)
	switch {
	case err != nil:
		return fail(err)
	case !check.OK:
		return fail(fmt.Errorf("%w: %s; nothing was changed", ErrPolicy, check.Problems[0]))
	}
	if res.Keeper = check.Keeper; opts.Keeper != "" {
		if res.Keeper, err = keeperPrincipal(opts.Keeper, check.Admin, check.Target); err != nil {
			return fail(err)
		}
	}
	has, err := s.Lock(ctx, bucket)
	if err != nil {
		return fail(err)
	}
	if has.RetainDays > 0 && has.Mode == Compliance && want.Mode == Governance {
		return fail(fmt.Errorf("%w: it is locked in %s, and %s is weaker; nothing was changed", ErrInvalid, Compliance, Governance))
	}
	kept, err := s.rulesBeside(ctx, bucket, &want)
	if err != nil {
		return fail(fmt.Errorf("%w; nothing was changed", err))
	}
	who := roles{check.Admin, check.Target, res.Keeper, check.all}
	statements, err := s.statementsBeside(ctx, rolesPolicy{bucket: bucket, lock: &want, seal: check.seal()}.of(who), check)
	if err != nil {
		return fail(fmt.Errorf("%w; nothing was changed", err))
	}
	for i := range kept {
		res.KeptRules = append(res.KeptRules, fmt.Sprintf("%q: %s", s3err.Clip(kept[i].ID), &kept[i]))
	}
	before := has.shortest()
	res.Lapses = before == 0 || before > want.Days
	m := &maker{s: s, rep: rep, op: "lock", bucket: bucket, lock: &want, keptRules: kept, kept: statements, seal: check.seal(),
		renew: opts.Renew, next: "run the same again", resumed: true}
	if !has.Enabled {
		m.step("turn on object lock", func() error {
			err := s.turnOnLock(ctx, bucket, want.Mode, moveCommand(bucket, "", &want, opts.Keeper))
			if errors.Is(err, ErrNoLock) {
				err = fmt.Errorf("%w; nothing was changed", err)
			}
			return err
		})
	}
	res.Check = m.police(ctx, only(who))
	m.lockBucket(ctx, nil)
	m.endProof(ctx)
	res.LockProof = m.proof
	m.step("read the lock", func() (err error) {
		res.Lock, err = s.Lock(ctx, bucket)
		return err
	})
	return res, m.err
}

// statementsBeside are those statements of a policy that stay beside wanted, which
// replaces it: a Deny that the check accepts and wanted does not have. check is that of
// the policy.
func (s *Store) statementsBeside(ctx context.Context, wanted rolesPolicy, check *PolicyCheck) (kept []json.RawMessage, err error) {
	config, err := s.bucketConfig(ctx, wanted.bucket)
	if err != nil {
		return nil, err
	}
	if wanted.ceph, err = s.isCeph(ctx, wanted.bucket); err != nil {
		return nil, err
	}
	statements, grants, err := splitPolicy(config.policy)
	if err != nil {
		return nil, err
	}
	former := []string{check.Admin, check.Target, check.Keeper}
	now := []string{wanted.admin, wanted.target, wanted.keeper}
	for i, g := range grants {
		switch {
		case g.effect != "Deny" || isSeal(wanted.bucket, g) || isTrial(wanted.bucket, g) || wanted.denies(g):
			continue
		case len(g.principals) == 1 && slices.Contains(former, g.principals[0]) && !slices.Contains(now, g.principals[0]):
			continue // the keeper is another one now
		case sameSet(g.principals, []string{wanted.admin}):
			continue // that of the bypass, which wanted has in GOVERNANCE
		}
		f := *config
		f.policy = []byte(withKept(wanted.statements(), statements[i:i+1]))
		if c := checkPolicy(wanted.bucket, &f); !c.OK {
			return nil, fmt.Errorf("%w: statement %d (%s) cannot stay: %s", ErrPolicy, i+1, g, c.Problems[0])
		}
		kept = append(kept, statements[i])
	}
	return kept, nil
}

// moveCommand copies a bucket, on the server, into a new one that is locked from the
// beginning.
func moveCommand(bucket, user string, lock *LockOptions, keeper string) string {
	text := fmt.Sprintf("`rwm storage-restore-state %s NEW --at '1m ago'", bucket)
	if user != "" {
		text += " --target-user " + s3err.Clip(user)
	}
	if lock != nil {
		text += fmt.Sprintf(" --lock %dd", lock.Days)
		if lock.GraceDays != defaultGrace(lock.Days) {
			text += fmt.Sprintf(" --lock-grace %dd", lock.GraceDays)
		}
	}
	if keeper != "" {
		text += " --keeper " + s3err.Clip(keeper)
	}
	return text + "`"
}

// turnOnLock gives an existing bucket object lock, without a default retention. Where
// it cannot be done, the error names the command that copies instead.
func (s *Store) turnOnLock(ctx context.Context, bucket string, mode LockMode, instead string) error {
	err := s.putDefaultRetention(ctx, bucket, mode, 0)
	switch refused := s3err.Status(err) == http.StatusConflict; {
	case err == nil || s3err.Transient(err) && !refused || ctx.Err() != nil || hopeless(err):
		return err
	case errors.Is(err, ErrAccessDenied) || errors.Is(err, ErrLockFails):
		return err
	}
	return fmt.Errorf("%w: it takes object lock for new buckets only. To move, restore into a new bucket: "+
		"%s: %w", ErrNoLock, instead, err)
}
