package s3state

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// Names of the steps, in the order in which a failure leaves the bucket as it was or
// safer. First, nothing is removed any more; then every change leaves a version. The
// lock is turned on before access is changed, so that a server that cannot lock is
// found out first. The host gets its access by the policy before any access is revoked
// elsewhere.
const (
	stepRules   = "drop lifecycle rules"
	stepVersion = "enable versioning"
	stepLockOn  = "turn on object lock"
	stepBlock   = "ignore public ACLs"
	stepPolicy  = "set the policy"
	stepACL     = "revoke the bucket's ACL"
	stepLock    = "lock what is written"
)

// planSteps lists the changes.
func (a *adoption) planSteps() {
	step := func(name, format string, args ...any) {
		a.plan.Steps = append(a.plan.Steps, AdoptStep{name, fmt.Sprintf(format, args...)})
	}
	if a.dropsRules() {
		step(stepRules, "%d of %d rules stay", len(a.keptRules), len(a.rules))
	}
	if a.config.versioning != VersioningEnabled {
		step(stepVersion, "what is overwritten or deleted from now on stays as an old version")
	}
	if a.lock != nil && !a.has.Enabled {
		step(stepLockOn, "a server that cannot do this for an existing bucket refuses, and nothing more is changed")
	}
	if a.block.known && a.newBlock() != a.block.accessBlockXML {
		step(stepBlock, "the host cannot open its objects to everyone")
	}
	if a.plan.Policy = a.variants()[0]; !a.policyIsSet() {
		step(stepPolicy, "%s may do everything, %s what a host needs%s%s%s", a.admin, a.target,
			optional(a.keeper != "", ", "+a.keeper+" what a keeper needs"),
			optional(a.seal.on, ", and the host cannot read file data back"),
			optional(len(a.kept) > 0, fmt.Sprintf("; other statements that stay: %d", len(a.kept))))
	}
	if a.othersInACL() {
		step(stepACL, "only the owner's grant stays")
	}
	if a.lock != nil && !a.isLocked() {
		step(stepLock, "%s, new versions for %s; old versions are removed after %s; the lock is tried out first", a.lock.Mode, plural.Of(a.lock.retainDays(), "day"), plural.Of(a.lock.Days, "day"))
	}
}

func optional(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

func (a *adoption) variants() []string { return a.wanted().variants(a.who, a.kept) }

// policyIsSet reports whether the bucket has the policy already.
func (a *adoption) policyIsSet() bool {
	for _, text := range a.variants() {
		if samePolicy(a.config.policy, []byte(text)) {
			return true
		}
	}
	return false
}

// dropsRules reports whether the plan drops rules, apart from those that the lock's
// rule replaces.
func (a *adoption) dropsRules() bool {
	for _, f := range a.plan.Found {
		if f.Kind == AdoptLifecycle && f.Fate == AdoptDropped {
			return true
		}
	}
	return false
}

func (a *adoption) othersInACL() bool {
	for _, g := range a.config.acl.Grants {
		if g.Grantee.URI != "" || g.Grantee.ID != a.config.acl.Owner.ID {
			return true
		}
	}
	return false
}

// newBlock is the public access block to set. It only grows, except for the option that
// makes Ceph refuse every upload of a host.
func (a *adoption) newBlock() accessBlockXML {
	b := a.block.accessBlockXML
	b.IgnorePublicAcls = true
	b.BlockPublicAcls = b.BlockPublicAcls && !a.ceph
	return b
}

// isLocked reports whether the bucket already has the lock to set.
func (a *adoption) isLocked() bool {
	return a.has.Enabled && a.has.Mode == a.lock.Mode && a.has.RetainDays == a.lock.retainDays() && a.has.Days == a.lock.Days && a.ownRule()
}

// run carries out the steps of the plan.
func (a *adoption) run(ctx context.Context, rep *reporter, res *AdoptResult) error {
	m := &maker{s: a.s, rep: rep, op: "adopt", bucket: a.bucket, lock: a.lock, seal: a.seal, keptRules: a.keptRules, renew: a.opts.Renew,
		next: "what is done is safe to keep; run the same again", resumed: true}
	for _, step := range a.plan.Steps {
		switch step.Name {
		case stepRules:
			m.step(stepRules, func() error {
				var stay []storedRule
				for _, r := range a.rules {
					if fate, _ := a.judgeRule(&r); fate != AdoptRefused {
						stay = append(stay, r)
					}
				}
				return a.s.putRules(ctx, a.bucket, stay, 0)
			})
		case stepVersion:
			m.enableVersioning(ctx)
		case stepLockOn:
			m.step(stepLockOn, func() error { return a.s.turnOnLock(ctx, a.bucket, a.lock.Mode, a.copyCommand()) })
		case stepBlock:
			m.step(stepBlock, func() error {
				_, err := a.s.sendAccessBlock(ctx, a.bucket, a.newBlock())
				return err
			})
		case stepPolicy:
			m.step(stepPolicy, func() error { return m.setTried(ctx, a.variants()) })
		case stepACL:
			m.step(stepACL, func() error { return a.s.privateACL(ctx, a.bucket) })
		case stepLock:
			m.lockBucket(ctx, nil)
		}
	}
	m.endProof(ctx)
	res.Done, res.LockProof = slices.Clone(m.done), m.proof
	res.Check = m.checkPoliced(ctx)
	m.step("read the lock", func() (err error) {
		if res.Lock, err = a.s.Lock(ctx, a.bucket); err == nil && !res.Lock.Enabled {
			res.Lock = nil
		}
		return err
	})
	return m.err
}

// privateACL leaves only the owner in a bucket's ACL.
func (s *Store) privateACL(ctx context.Context, bucket string) error {
	err := s.changeSetting(ctx, "acl", s3versions.Request{
		Method: http.MethodPut, Bucket: bucket, Header: http.Header{"X-Amz-Acl": {"private"}},
	})
	return s3err.Wrap(err, "set the ACL of bucket %s", bucket)
}
