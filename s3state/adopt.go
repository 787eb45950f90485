package s3state

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cesnet/rwm/s3versions"
)

// ErrNotAdoptable: the bucket cannot be turned into a policed bucket in place. The
// error is a *NotAdoptableError, which says why.
var ErrNotAdoptable = errors.New("the bucket cannot be adopted as it is")

// AdoptOptions configures Adopt.
type AdoptOptions struct {
	// Lock also gives the bucket object lock; nil leaves its lock as it is.
	Lock *LockOptions
	// Keeper is the user name or ARN that gets the keeper's access; "" keeps the keeper
	// that the policy already names, if any.
	Keeper string
	// Sealed keeps the host from reading file data back; a sealed bucket stays sealed.
	Sealed bool
	// Replace drops statements of the policy, grants of the ACL and lifecycle rules
	// that cannot be kept. Without it they are a reason not to adopt.
	Replace bool
	// Renew is called with a lock, if there is something to lock: see
	// LockBucketOptions.Renew.
	Renew func(ctx context.Context) error
	// DryRun changes nothing: the result has the plan.
	DryRun bool
	// Approve is called before anything is changed, unless the plan has no steps. An
	// error aborts Adopt.
	Approve func(*AdoptPlan) error
	// Host is a Store with the host's credentials. With it, Adopt ends by proving what
	// they allow.
	Host    *Store
	OnEvent func(Event)
}

// AdoptPlan describes a bucket, and what Adopt changes in it.
type AdoptPlan struct {
	Bucket string `json:"bucket"`
	// Owner owns the bucket, Caller makes the requests; "" if the server does not tell.
	Owner  string `json:"owner"`
	Caller string `json:"caller,omitempty"`
	// Admin, Target and Keeper are principals, as the policy will name them.
	Admin  string `json:"admin,omitempty"`
	Target string `json:"target,omitempty"`
	Keeper string `json:"keeper,omitempty"`
	// Versioning is the bucket's versioning before Adopt.
	Versioning Versioning `json:"versioning"`
	// Repositories are the prefixes that hold a repository; "" is the bucket's root.
	Repositories []string  `json:"repositories"`
	Settings     *Settings `json:"settings,omitempty"`
	// Found lists what grants access or removes objects, and what happens to each.
	Found []AdoptFinding `json:"found"`
	// Steps are the changes, in order; none if the bucket is as it should be.
	Steps []AdoptStep `json:"steps"`
	// Refused are the reasons why Adopt changes nothing.
	Refused []string `json:"refused,omitempty"`
	// Instead is what to do if Adopt refuses.
	Instead string   `json:"instead,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Policy  string   `json:"policy,omitempty"` // the policy to set, in the form that is tried first
}

// AdoptFinding is one statement of the policy, grant of the ACL or lifecycle rule.
type AdoptFinding struct {
	Kind AdoptKind `json:"kind"`
	Name string    `json:"name"` // which one
	Text string    `json:"text"` // what it says
	Fate AdoptFate `json:"fate"`
	Why  string    `json:"why,omitempty"`
}

// AdoptKind says where a finding is set.
type AdoptKind string

// The kinds of findings.
const (
	AdoptPolicy    AdoptKind = "policy"    // a statement of the bucket's policy
	AdoptACL       AdoptKind = "acl"       // a grant of the bucket's ACL
	AdoptLifecycle AdoptKind = "lifecycle" // a lifecycle rule
)

// AdoptFate says what happens to a finding.
type AdoptFate string

// The fates of a finding.
const (
	AdoptKept     AdoptFate = "kept"     // it stays as it is
	AdoptReplaced AdoptFate = "replaced" // what Adopt sets takes its place
	AdoptDropped  AdoptFate = "dropped"  // removed, as AdoptOptions.Replace is set
	AdoptRefused  AdoptFate = "refused"  // it is a reason not to adopt
)

// AdoptStep is one change.
type AdoptStep struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"` // what it means
}

// AdoptResult describes an adopted bucket.
type AdoptResult struct {
	Plan *AdoptPlan
	Done []string // names of the steps that were carried out
	// Check, Lock, LockProof and Access are nil where they do not apply or were not
	// reached.
	Check     *PolicyCheck
	Lock      *Lock
	LockProof *LockProof
	Access    *AccessReport
}

// NotAdoptableError says why a bucket cannot be adopted. It is an ErrNotAdoptable, and
// nothing was changed.
type NotAdoptableError struct{ Plan *AdoptPlan }

func (e *NotAdoptableError) Error() string {
	if e.Plan == nil {
		return ErrNotAdoptable.Error()
	}
	text := fmt.Sprintf("adopt %s: %v, and nothing was changed: %s", e.Plan.Bucket, ErrNotAdoptable, strings.Join(e.Plan.Refused, "; "))
	if e.Plan.Instead != "" {
		text += ". " + e.Plan.Instead
	}
	return text
}

func (e *NotAdoptableError) Is(target error) bool { return target == ErrNotAdoptable }

// Adopt turns an existing bucket that holds a repository into a policed bucket, in
// which targetUser has the host's access. It takes the credentials of the bucket's
// owner, who becomes the admin. Nothing is copied, and a repository that targetUser can
// use stays usable throughout.
//
// Adopt first reads everything and makes the plan. Its steps are ordered so that each
// leaves the bucket as it was or safer. After a failure, a *StepError, call Adopt
// again: it continues. A bucket that is as it should be is not changed.
//
// What is in the bucket already is locked by AdoptOptions.Renew. If the server cannot
// lock an existing bucket, the error wraps ErrNoLock, and nothing but versioning was
// changed.
//
// Errors: ErrNotAdoptable, ErrPolicy, ErrNoLock, ErrLockFails, *StepError.
func (s *Store) Adopt(ctx context.Context, bucket, targetUser string, opts AdoptOptions) (*AdoptResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	a, err := s.adoption(ctx, bucket, targetUser, opts)
	if err != nil {
		return nil, endedEarly(ctx, fmt.Errorf("adopt %s: %w; nothing was changed", bucket, err), "adopt", bucket)
	}
	res := &AdoptResult{Plan: a.plan}
	switch {
	case len(a.plan.Refused) > 0:
		return res, &NotAdoptableError{a.plan}
	case opts.DryRun:
		return res, nil
	}
	if opts.Approve != nil && len(a.plan.Steps) > 0 {
		if err := opts.Approve(a.plan); err != nil {
			return res, err
		}
	}
	if err := a.run(ctx, rep, res); err != nil {
		return res, err
	}
	return res, a.prove(ctx, res)
}

func (s *Store) adoption(ctx context.Context, bucket, targetUser string, opts AdoptOptions) (*adoption, error) {
	if err := s3versions.CheckBucketName(bucket); err != nil {
		return nil, err
	}
	lock, err := opts.Lock.copied()
	if err != nil {
		return nil, err
	}
	a := &adoption{s: s, bucket: bucket, user: targetUser, opts: opts, lock: lock, plan: &AdoptPlan{
		Bucket: bucket, Repositories: []string{}, Found: []AdoptFinding{}, Steps: []AdoptStep{},
	}}
	if err := a.look(ctx); err != nil {
		return nil, err
	}
	a.judge()
	return a, nil
}

// prove tries out what the host's credentials allow, if they were given.
func (a *adoption) prove(ctx context.Context, res *AdoptResult) (err error) {
	if a.opts.Host == nil {
		return nil
	}
	res.Access, err = a.opts.Host.Access(ctx, a.bucket, AccessOptions{As: RoleHost})
	if err == nil {
		if open := res.Access.Unproved(); open != nil {
			err = fmt.Errorf("the server did not answer some attempts (%s)", strings.Join(open, ", "))
		}
	}
	if err != nil {
		return ended(ctx, fmt.Errorf("adopt %s: all steps are done, but what the host can do is not proved: %w", a.bucket, err), StepError{
			Op: "adopt", Bucket: a.bucket, Step: "prove what the host can do", Done: res.Done, Next: "run storage-access with the host's credentials",
		})
	}
	if res.Access.OK {
		return nil
	}
	var wrong []string
	for _, r := range res.Access.Results {
		if !r.Met() {
			wrong = append(wrong, fmt.Sprintf("%s: %s", r.Action, r.Outcome))
		}
	}
	return fmt.Errorf("adopt %s: all steps are done, but the host's credentials can do harm or lack a right they need: %w: %s",
		a.bucket, ErrPolicy, strings.Join(wrong, ", "))
}
