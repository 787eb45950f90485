package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
)

// CreateOptions refine Create.
type CreateOptions struct {
	// Region of the new bucket; empty for the client's.
	Region  string
	OnEvent func(Event)
}

// CreateResult describes a new policed bucket.
type CreateResult struct {
	Bucket string
	Admin  string // principal
	Target string // principal
	// PublicAccessBlock says that the server ignores public ACLs in the bucket
	// now. Not every server can.
	PublicAccessBlock bool
	Check             *PolicyCheck
}

// Create makes a policed bucket owned by the caller, the admin, in which
// targetUser may read, write and delete objects but never versions. targetUser
// is a user name in the admin's tenant or a principal's ARN.
//
// An existing bucket is never touched: ErrTargetExists. If a step fails after
// the bucket was made, the error is a *StepError that says what there is now.
func (s *Store) Create(ctx context.Context, bucket, targetUser string, opts CreateOptions) (*CreateResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	if err := checkNewName(bucket); err != nil {
		return nil, err
	}
	admin, target, err := s.principals(ctx, targetUser)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", bucket, err)
	}
	if err := s.refuseExisting(ctx, bucket); err != nil {
		return nil, fmt.Errorf("create %s: %w", bucket, err)
	}
	m := &maker{s: s, ev: ev, op: "create", bucket: bucket,
		next: "remove the bucket with storage-delete, then create it again"}
	m.makeBucket(ctx, opts.Region)
	m.protect(ctx)
	if m.err == nil && admin == "" {
		admin, target, m.err = s.principalsOf(ctx, bucket, targetUser)
	}
	check := m.police(ctx, admin, target)
	if m.err != nil {
		return nil, m.err
	}
	return &CreateResult{Bucket: bucket, Admin: admin, Target: target, PublicAccessBlock: m.pab, Check: check}, nil
}

// principals finds out who the caller is and who the target user will be, so
// that bad input is refused before anything is made. admin is "" if the server
// does not tell.
func (s *Store) principals(ctx context.Context, targetUser string) (admin, target string, err error) {
	admin = s.adminPrincipal
	if admin == "" {
		owner, _, err := s.ownBuckets(ctx)
		switch {
		case errors.Is(err, ErrAccessDenied):
			// Not everybody may list buckets; the new bucket's ACL tells, too.
			_, err := targetPrincipal(targetUser, userARN("", "admin"))
			return "", "", err
		case err != nil:
			return "", "", err
		}
		if admin, err = s.adminOf(owner); err != nil {
			return "", "", err
		}
	}
	target, err = targetPrincipal(targetUser, admin)
	if err != nil {
		return "", "", err
	}
	if target == admin {
		return "", "", fmt.Errorf("%w: the target user is the admin, %s; a host needs credentials of its own", ErrInvalid, admin)
	}
	return admin, target, nil
}

// principalsOf is principals for a bucket that exists already.
func (s *Store) principalsOf(ctx context.Context, bucket, targetUser string) (admin, target string, err error) {
	acl, err := s.getACL(ctx, bucket)
	if err != nil {
		return "", "", err
	}
	if admin, err = s.adminOf(acl.Owner); err != nil {
		return "", "", err
	}
	target, err = targetPrincipal(targetUser, admin)
	if err == nil && target == admin {
		err = fmt.Errorf("%w: the target user is the admin, %s", ErrInvalid, admin)
	}
	return admin, target, err
}

func (s *Store) adminOf(owner Owner) (string, error) {
	if s.adminPrincipal != "" {
		return s.adminPrincipal, nil
	}
	arn, known := ownerPrincipal(owner.ID)
	if !known {
		return "", fmt.Errorf("%w: the admin's principal cannot be told from the owner id %q here; give it with WithAdminPrincipal", ErrInvalid, owner.ID)
	}
	return arn, nil
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

// maker makes a bucket step by step and remembers what it did.
type maker struct {
	s          *Store
	ev         *reporter
	op, bucket string
	next       string
	done       []string
	pab        bool
	err        error // of the first step that failed
}

func (m *maker) step(name string, fn func() error) {
	if m.err != nil {
		return
	}
	if err := fn(); err != nil {
		m.err = &StepError{Op: m.op, Bucket: m.bucket, Step: name, Done: m.done, Err: err}
		if len(m.done) > 0 {
			m.err.(*StepError).Next = m.next
		}
		return
	}
	m.done = append(m.done, name)
	m.ev.emit(StepDone{Bucket: m.bucket, Step: name})
}

func (m *maker) setPolicy(ctx context.Context, policy string) error {
	_, err := m.s.call(ctx, http.MethodPut, m.bucket, url.Values{"policy": {""}}, []byte(policy))
	return wrap(err, "bucket %s", m.bucket)
}

func (m *maker) makeBucket(ctx context.Context, region string) {
	m.step("make the bucket", func() error {
		tries := 0
		err := m.s.retry(ctx, m.bucket, m.op, m.s.timeout, m.ev, func(ctx context.Context) error {
			tries++
			err := m.s.client.MakeBucket(ctx, m.bucket, minio.MakeBucketOptions{Region: region})
			if tries > 1 && code(err) == "BucketAlreadyOwnedByYou" {
				return nil // the first try had succeeded
			}
			if err != nil {
				return err
			}
			found, err := m.s.exists(ctx, m.bucket)
			if err == nil && !found {
				err = fmt.Errorf("%w: the bucket is not there", errTruncatedReply)
			}
			return err
		})
		return wrap(err, "bucket %s", m.bucket)
	})
}

// protect turns on what must be on before the host may write.
func (m *maker) protect(ctx context.Context) {
	m.step("enable versioning", func() error {
		const body = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
		_, err := m.s.call(ctx, http.MethodPut, m.bucket, url.Values{"versioning": {""}}, []byte(body))
		return wrap(err, "bucket %s", m.bucket)
	})
	m.step("ignore public ACLs", func() (err error) {
		m.pab, err = m.s.putPublicAccessBlock(ctx, m.bucket)
		return err
	})
}

// police sets the policy and reads everything back.
func (m *maker) police(ctx context.Context, admin, target string) (check *PolicyCheck) {
	m.step("set the policy", func() error {
		ceph, err := m.s.isCeph(ctx, m.bucket)
		if err != nil {
			return err
		}
		policy := bucketPolicy(m.bucket, admin, target)
		if ceph {
			policy = bucketPolicy(m.bucket, admin, target, denial(m.bucket, target))
		}
		return m.setPolicy(ctx, policy)
	})
	m.step("check the policy", func() (err error) {
		if check, err = m.s.CheckPolicy(ctx, m.bucket); err != nil {
			return err
		}
		if !check.OK {
			return fmt.Errorf("%w: %s", ErrPolicy, check.Problems[0])
		}
		return nil
	})
	return check
}
