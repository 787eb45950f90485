package s3state

import (
	"context"
	"fmt"

	"github.com/cesnet/rwm/internal/plural"
)

// copied returns the options with the defaults filled in; nil stays nil.
func (o *LockOptions) copied() (*LockOptions, error) {
	if o == nil {
		return nil, nil
	}
	filled, err := o.filled()
	return &filled, err
}

// lockBucket proves that a bucket's lock holds and then locks what is written from now
// on. Until the proof, nothing is locked for longer than seconds, so that a bucket
// whose lock fails can be removed. In GOVERNANCE, a new bucket's policy has to deny the
// bypass before that. forms returns the forms of its roles for that policy; nil means
// that the policy is set already.
func (m *maker) lockBucket(ctx context.Context, forms func(ceph bool) []roles) {
	if m.lock == nil {
		return
	}
	if m.lock.Mode == Governance && forms != nil {
		m.step("deny the bypass", func() error {
			ceph, err := m.s.isCeph(ctx, m.bucket)
			if err != nil {
				return err
			}
			var texts []string
			for _, form := range forms(ceph) {
				texts = append(texts, encodePolicy(form.adminStatement(m.bucket), policyStatement{
					Effect: "Deny", Principal: map[string][]string{"AWS": {form.admin}}, Action: adminDenied, Resource: resources(m.bucket),
				}))
			}
			return m.setTried(ctx, texts)
		})
	}
	m.step("try out the lock", func() error {
		l, err := m.s.Lock(ctx, m.bucket)
		if err != nil {
			return err
		}
		if l.RetainDays > 0 && m.resumed {
			// An earlier run has tried it, but perhaps for fewer days.
			return m.proveLate(ctx, m.s.now())
		}
		if !l.Enabled {
			return fmt.Errorf("%w: it made the bucket without object lock", ErrNoLock)
		}
		if m.canary, m.proof, err = m.s.proveLock(ctx, m.bucket, m.lock.Mode); err != nil {
			return err
		}
		return m.proveLate(ctx, m.canary.until.Add(-m.canary.lasts))
	})
	m.step("lock what is written", func() error {
		return m.s.putDefaultRetention(ctx, m.bucket, m.lock.Mode, m.lock.retainDays())
	})
	if m.renew != nil {
		// If that fails half-way, no rule removes what it has not come to.
		m.step("lock what is there", func() error { return m.renew(ctx) })
	}
	m.step("set the lifecycle", func() error {
		return m.s.putRules(ctx, m.bucket, m.keptRules, m.lock.Days)
	})
	m.step("check the lock", func() error {
		l, err := m.s.Lock(ctx, m.bucket)
		if err != nil {
			return err
		}
		if l.Days != m.lock.Days || l.RetainDays != m.lock.retainDays() || l.Mode != m.lock.Mode {
			return fmt.Errorf("%w: it promises %s and locks for %d (%s)", ErrLockFails, plural.Of(l.Days, "day"), l.RetainDays, l.Mode)
		}
		return nil
	})
}

// endProof removes what trying out the lock has left. What cannot be removed does no
// harm: lifecycle does it.
func (m *maker) endProof(ctx context.Context) {
	if m.canary == nil || m.canary.version == "" {
		return
	}
	if !m.canary.remove(ctx) && m.proof != nil {
		m.proof.Left = m.canary.key
	}
	m.canary = nil
}
