package s3state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// RestoreOptions say what to restore where.
type RestoreOptions struct {
	Source string // bucket with the state and the versions
	Target string // bucket to be made
	// StateKey and StateVersion name the state; an empty version means the
	// current one of that key, which the host may have overwritten.
	StateKey     string
	StateVersion string
	// At restores what was current at a time of the server's clock, from the
	// version history, instead of what a state names.
	At time.Time
	// TargetUser gets the limited grant in the target, as a user name or an
	// ARN. Empty for the one who has it in the source.
	TargetUser string
	// AllowUnverified restores a state although it contradicts the version
	// history. Versions that are missing are refused all the same.
	AllowUnverified bool
	// Parallel is how many copies are under way at once; 0 for the Store's.
	Parallel int
	OnEvent  func(Event)
}

// RestoreResult describes a completed restore.
type RestoreResult struct {
	Source, Target string
	StateKey       string
	StateVersion   string
	StateTime      time.Time // when the state was saved, by the server's clock
	Objects, Bytes int64     // in the target now
	Copied         int64     // of Objects
	Skipped        int64     // of Objects: a former run had copied them
	// ETagUnchecked counts objects of which only the size could be compared,
	// for the ETag of a multipart upload is not kept by every server's copy.
	ETagUnchecked int64
	TargetUser    string // principal
	Verification  *Verification
	Check         *PolicyCheck // of the target
	Started       time.Time
	Duration      time.Duration
}

// Restore makes the target bucket and copies into it, server-side and in
// parallel, every object that was current when the state was saved.
//
// Before anything is made, the state is compared with the versions the source
// really has: a *MissingVersionsError lists what it names in vain, a
// *StateDiffersError where the history contradicts it. The target gets the
// policy of Create for the user of the source's policy; the state's own policy
// is never copied. Until everything is copied and compared, only the admin has
// access to the target.
//
// A target that exists is refused with ErrTargetExists, unless it is this very
// restore's, unfinished: then what is missing is copied. So after an
// interruption or a *BatchError run it again.
func (s *Store) Restore(ctx context.Context, opts RestoreOptions) (*RestoreResult, error) {
	ev := newReporter(opts.OnEvent)
	defer ev.close()
	r := &restorer{s: s, opts: opts, ev: ev, res: &RestoreResult{
		Source: opts.Source, Target: opts.Target, StateKey: opts.StateKey, Started: time.Now(),
	}}
	if r.opts.Parallel <= 0 {
		r.opts.Parallel = s.parallel
	}
	defer func() {
		if r.plan != nil {
			r.plan.close()
		}
	}()
	err := r.run(ctx)
	r.res.Duration = time.Since(r.res.Started)
	return r.res, err
}

type restorer struct {
	s      *Store
	opts   RestoreOptions
	ev     *reporter
	res    *RestoreResult
	plan   *plan
	origin RestoreOrigin
	admin  string
	target string // principal
	resume bool
	runID  string

	mu      sync.Mutex
	checked time.Time // when the target was last seen to be this run's

	live         *facts // of the source
	targetExists bool
}

func (r *restorer) run(ctx context.Context) error {
	if err := r.checkNames(); err != nil {
		return err
	}
	saved, err := r.look(ctx)
	if err != nil {
		return err
	}
	r.res.StateVersion, r.res.StateTime = saved.VersionID, saved.Time
	r.origin = RestoreOrigin{r.opts.Source, r.opts.StateKey, saved.VersionID}
	if !r.opts.At.IsZero() {
		r.origin.StateKey = "@" + r.opts.At.UTC().Format(time.RFC3339Nano)
	}
	r.ev.emit(StepDone{Bucket: r.opts.Source, Step: "read the state"})
	if err := r.choosePrincipals(ctx); err != nil {
		return fmt.Errorf("restore into %s: %w", r.opts.Target, err)
	}
	if err := r.judgeTarget(ctx); err != nil {
		return fmt.Errorf("restore into %s: %w", r.opts.Target, err)
	}
	if err := r.verify(ctx, saved); err != nil {
		return err
	}
	return r.fill(ctx)
}

// look gathers what there is: source, state, target.
func (r *restorer) look(ctx context.Context) (saved *SavedState, err error) {
	var wg sync.WaitGroup
	var sourceErr, stateErr, targetErr error
	wg.Go(func() { r.live, sourceErr = r.s.facts(ctx, r.opts.Source) })
	wg.Go(func() {
		r.plan, saved, stateErr = r.s.planOf(ctx, r.opts.Source, r.moment(), r.ev)
	})
	wg.Go(func() { r.targetExists, targetErr = r.s.exists(ctx, r.opts.Target) })
	wg.Wait()
	switch {
	case sourceErr != nil:
		return nil, sourceErr
	case r.live.versioning == "": // of a suspended one the old versions are still there
		return nil, fmt.Errorf("bucket %s: %w", r.opts.Source, ErrNotVersioned)
	case stateErr != nil:
		return nil, stateErr
	}
	return saved, targetErr
}

func (r *restorer) checkNames() error {
	if err := checkBucketName(r.opts.Source); err != nil {
		return err
	}
	if r.opts.Source == r.opts.Target {
		return fmt.Errorf("restore %s: %w; give the name of a new bucket as target", r.opts.Source, ErrSameBucket)
	}
	if err := checkNewName(r.opts.Target); err != nil {
		return err
	}
	return r.moment().check()
}

func (r *restorer) moment() Moment {
	return Moment{r.opts.StateKey, r.opts.StateVersion, r.opts.At}
}

// choosePrincipals finds who gets the limited grant. The source's own policy
// is the admin's word; the state is the host's, and by itself lets nobody in.
func (r *restorer) choosePrincipals(ctx context.Context) error {
	f := r.live
	live := checkPolicy(r.opts.Source, f)
	claimed := ""
	if r.plan.header.Policy != nil {
		claimed = checkPolicy(r.opts.Source, &facts{acl: f.acl, policy: r.plan.header.Policy, versioning: "Enabled"}).Target
	}
	user := r.opts.TargetUser
	if user == "" {
		switch {
		case live.Target != "" && claimed != "" && claimed != live.Target:
			return fmt.Errorf("%w: it gives access to %q, the bucket's policy to %q; name the right one with --target-user (TargetUser)",
				ErrBadState, clip(claimed), clip(live.Target))
		case live.OK, live.Target != "" && claimed == live.Target:
			user = live.Target
		case live.Target == "":
			return fmt.Errorf("%w: the policy of bucket %s names no target user (a state's word is not enough, the host could have forged it); name one with --target-user (TargetUser)",
				ErrPolicy, r.opts.Source)
		default:
			return fmt.Errorf("%w: %s; name the user who gets access with --target-user (TargetUser)", ErrPolicy, live.Problems[0])
		}
	}
	var err error
	r.admin, r.target, err = r.s.principals(ctx, user)
	if err != nil {
		return err
	}
	if r.admin == "" {
		if r.admin, r.target, err = r.s.principalsOf(ctx, r.opts.Source, user); err != nil {
			return err
		}
	}
	if r.opts.TargetUser == "" && tenantOf(r.admin) != tenantOf(r.target) {
		return fmt.Errorf("%w: its target user %q is not of the admin's tenant; if that is right, name it with --target-user (TargetUser)", ErrBadState, clip(r.target))
	}
	return nil
}

func (r *restorer) verify(ctx context.Context, saved *SavedState) error {
	v, err := r.s.verifyMoment(ctx, r.opts.Source, r.moment(), r.plan, saved, r.ev)
	r.res.Verification = v
	if r.opts.AllowUnverified {
		err = tolerate(err)
	}
	if err != nil {
		return err
	}
	r.ev.emit(StepDone{Bucket: r.opts.Source, Step: "compare the state with the version history"})
	return nil
}

// fill makes the target, copies, compares, and only then lets the host in.
func (r *restorer) fill(ctx context.Context) error {
	m := &maker{s: r.s, ev: r.ev, op: "restore", bucket: r.opts.Target, next: "run the same restore again"}
	if !r.resume {
		m.next = "remove the bucket with storage-delete, then restore again"
		m.makeBucket(ctx, "")
		if m.err == nil {
			if err := r.requireNew(ctx); err != nil {
				return fmt.Errorf("restore into %s: %w", r.opts.Target, err)
			}
		}
	}
	r.runID = rand.Text()
	m.step("mark the bucket as unfinished", func() error {
		return m.setPolicy(ctx, unfinishedPolicy(r.opts.Target, r.admin, r.origin, r.runID))
	})
	m.next = "run the same restore again"
	m.protect(ctx)
	if m.err != nil {
		return m.err
	}
	if err := r.copyAll(ctx); err != nil {
		return r.partial(err)
	}
	r.ev.emit(StepDone{Bucket: r.opts.Target, Step: "copy the objects"})
	if err := r.compare(ctx); err != nil {
		return r.partial(err)
	}
	r.ev.emit(StepDone{Bucket: r.opts.Target, Step: "compare the copies"})
	if err := r.stillOurs(ctx, true); err != nil {
		return r.partial(err)
	}
	r.res.Check = m.police(ctx, r.admin, r.target)
	r.res.TargetUser = r.target
	return m.err
}

// partial says what a restore that stopped leaves behind.
func (r *restorer) partial(err error) error {
	if errors.Is(err, errTakenOver) {
		return fmt.Errorf("restore into %s: %w; this one stopped, let the other one finish", r.opts.Target, errTakenOver)
	}
	next := fmt.Sprintf("%d of %d objects are in place; run the same restore again to go on, or remove bucket %s with storage-delete",
		r.res.Copied+r.res.Skipped, r.plan.count, r.opts.Target)
	var batch *BatchError
	if errors.As(err, &batch) {
		batch.Next = next
		return batch
	}
	return &StepError{Op: "restore", Bucket: r.opts.Target, Step: "copy the objects", Err: err, Next: next}
}
