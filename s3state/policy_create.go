package s3state

import (
	"context"
	"fmt"
)

// CreateOptions configures Create.
type CreateOptions struct {
	// Region of the new bucket; empty for the client's.
	Region string
	// Lock makes a bucket with object lock; nil makes one without.
	Lock *LockOptions
	// Keeper is a user name in the admin's tenant or an ARN: the user who may do what
	// the host may and also read versions and extend their locks. Empty for none.
	Keeper string
	// Sealed keeps the host from reading file data back; see Seal.
	Sealed  bool
	OnEvent func(Event)
}

// CreateResult describes a new policed bucket.
type CreateResult struct {
	Bucket string
	Admin  string // principal
	Target string // principal
	// PublicAccessBlock says that the server now ignores public ACLs in the bucket. Not
	// every server can.
	PublicAccessBlock bool
	Check             *PolicyCheck
	Keeper            string // principal; "" without one
	// Lock is nil without object lock; LockProof tells how it was tried out.
	Lock      *Lock
	LockProof *LockProof
}

// Create makes a policed bucket owned by the caller, the admin, in which
// targetUser may read, write and delete objects but never versions. targetUser
// is a user name in the admin's tenant or a principal's ARN.
//
// An existing bucket is never touched: ErrTargetExists. If a step fails after the
// bucket was made, the error is a *StepError that says what exists now.
//
// With a lock, the bucket is given object lock, a default retention and a lifecycle
// rule, and before anything is locked for long, the admin's credentials are tried on an
// object locked for a few seconds: ErrLockFails if they can remove it or shorten its
// lock, ErrNoLock if the server has no object lock. That takes about five seconds.
func (s *Store) Create(ctx context.Context, bucket, targetUser string, opts CreateOptions) (*CreateResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	if err := checkNewName(bucket); err != nil {
		return nil, err
	}
	fail := func(err error) (*CreateResult, error) {
		return nil, endedEarly(ctx, fmt.Errorf("create %s: %w", bucket, err), "create", bucket)
	}
	lock, err := opts.Lock.copied()
	if err != nil {
		return fail(err)
	}
	admin, target, err := s.principals(ctx, targetUser)
	if err != nil {
		return fail(err)
	}
	keeper, err := keeperPrincipal(opts.Keeper, admin, target)
	if err != nil {
		return fail(err)
	}
	if err := s.refuseExisting(ctx, bucket); err != nil {
		return fail(err)
	}
	m := &maker{s: s, rep: rep, op: "create", bucket: bucket, lock: lock, seal: seal{on: opts.Sealed},
		next: "remove the bucket with storage-delete, then create it again"}
	m.makeBucket(ctx, opts.Region)
	m.protect(ctx)
	if m.err == nil && admin == "" {
		if admin, target, m.err = s.principalsOf(ctx, bucket, targetUser); m.err == nil {
			keeper, m.err = keeperPrincipal(opts.Keeper, admin, target)
		}
	}
	forms := func(ceph bool) []roles {
		return s.forms(roles{admin: admin, target: target, keeper: keeper}, targetUser, opts.Keeper, ceph)
	}
	m.lockBucket(ctx, forms)
	check := m.police(ctx, forms)
	m.endProof(ctx)
	var has *Lock
	if lock != nil {
		m.next = "the bucket is as it should be"
		m.step("read the lock", func() (err error) {
			has, err = s.Lock(ctx, bucket)
			return err
		})
	}
	if m.err != nil {
		return nil, m.err
	}
	return &CreateResult{
		Bucket: bucket, Admin: check.Admin, Target: check.Target, Keeper: check.Keeper, PublicAccessBlock: m.pab, Check: check, LockProof: m.proof,
		Lock: has,
	}, nil
}

func (s *Store) refuseExisting(ctx context.Context, bucket string) error {
	found, err := s.exists(ctx, bucket)
	if err != nil {
		return err
	}
	if found {
		return fmt.Errorf("%w; choose another name, nothing was changed", ErrTargetExists)
	}
	return nil
}
