package s3state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/cesnet/rwm/internal/buckets"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
	"github.com/minio/minio-go/v7"
)

// maker makes a bucket step by step and remembers what it did.
type maker struct {
	s          *Store
	rep        *reporter
	op, bucket string
	next       string
	done       []string
	pab        bool
	lock       *LockOptions // nil for a bucket without object lock; filled
	seal       seal
	keptRules  []storedRule                // of the lifecycle, beside that of the lock
	kept       []json.RawMessage           // statements of the policy, beside those of the roles
	renew      func(context.Context) error // see LockBucketOptions.Renew
	proof      *LockProof
	canary     *lockCanary
	resumed    bool   // an earlier run made the bucket
	runID      string // in the policy that is being set, if it marks an unfinished restore
	err        error  // of the first step that failed
}

func (m *maker) step(name string, fn func() error) {
	if m.err != nil {
		return
	}
	if err := fn(); err != nil {
		m.err = &StepError{Op: m.op, Bucket: m.bucket, Step: name, Done: m.done, Err: err}
		if len(m.done) > 0 || unanswered(err) {
			m.err.(*StepError).Next = m.next
		}
		return
	}
	m.done = append(m.done, name)
	m.rep.emit(StepDone{Bucket: m.bucket, Step: name})
}

// unanswered reports whether a request may have arrived though its answer did not.
func unanswered(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnreachable)
}

func (m *maker) setPolicy(ctx context.Context, policy string) error {
	return s3err.Wrap(m.s.putSetting(ctx, m.bucket, "policy", []byte(policy)), "bucket %s", m.bucket)
}

// setSealed sets a policy with the maker's seal: one that denies attributes, too, or
// where the server does not know these actions, one without.
func (m *maker) setSealed(ctx context.Context, policy func(seal) (string, error)) error {
	s := m.seal
	s.attributes = s.on
	for {
		text, err := policy(s)
		if err == nil {
			err = m.setPolicy(ctx, text)
		}
		if err == nil || !s.attributes || s3err.Status(err) != http.StatusBadRequest {
			return err
		}
		s.attributes = false
	}
}

func (m *maker) makeBucket(ctx context.Context, region string) {
	m.step("make the bucket", func() error {
		tries := 0
		err := m.s.observed(m.rep).Retry(ctx, m.bucket, m.op, 0, func(ctx context.Context) error {
			tries++
			err := buckets.Make(ctx, m.s.client, m.bucket, minio.MakeBucketOptions{Region: region, ObjectLocking: m.lock != nil})
			if tries > 1 && s3err.Code(err) == "BucketAlreadyOwnedByYou" {
				return nil // the first try had succeeded
			}
			if err != nil {
				return err
			}
			found, err := m.s.exists(ctx, m.bucket)
			if err == nil && !found {
				err = fmt.Errorf("%w: the bucket is not there", s3versions.ErrTruncated)
			}
			if err == nil {
				m.s.bucketIsNew(m.bucket)
			}
			return err
		})
		return s3err.Wrap(err, "bucket %s", m.bucket)
	})
	var step *StepError
	if errors.As(m.err, &step) && len(step.Done) == 0 && unanswered(m.err) {
		step.Left, step.Next = "the bucket may have been made", "if storage-list shows it, "+m.next
	}
}

// protect turns on what must be on before the host may write.
func (m *maker) protect(ctx context.Context) {
	m.enableVersioning(ctx)
	m.step("ignore public ACLs", func() (err error) {
		m.pab, err = m.s.putPublicAccessBlock(ctx, m.bucket)
		return err
	})
}

func (m *maker) enableVersioning(ctx context.Context) {
	m.step("enable versioning", func() error {
		const body = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
		return s3err.Wrap(m.s.putSetting(ctx, m.bucket, "versioning", []byte(body)), "bucket %s", m.bucket)
	})
}

// police sets the policy and reads everything back. forms gives the roles in the forms
// to try.
func (m *maker) police(ctx context.Context, forms func(ceph bool) []roles) *PolicyCheck {
	m.step("set the policy", func() error {
		ceph, err := m.s.isCeph(ctx, m.bucket)
		if err != nil {
			return err
		}
		return m.setTried(ctx, rolesPolicy{bucket: m.bucket, ceph: ceph, lock: m.lock, seal: m.seal}.variants(forms(ceph), m.kept))
	})
	return m.checkPoliced(ctx)
}

// checkPoliced checks what was set.
func (m *maker) checkPoliced(ctx context.Context) (check *PolicyCheck) {
	m.step("check the policy", func() (err error) {
		if check, err = m.s.CheckPolicy(ctx, m.bucket); err != nil {
			return err
		}
		if !check.OK {
			return fmt.Errorf("%w: %s", ErrPolicy, check.Problems[0])
		}
		if check.Sealed != m.seal.on {
			return fmt.Errorf("%w: whether the host is sealed reads back as %v", ErrPolicy, check.Sealed)
		}
		return nil
	})
	return check
}
