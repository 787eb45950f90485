package s3state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/s3versions"
)

// RestoreOptions name what to restore, and where.
type RestoreOptions struct {
	Source string // bucket with the state and the versions
	Target string // bucket to make
	// Moment to restore: a saved state, or a time. A state without a version is the
	// key's current one, which the host may have overwritten.
	Moment Moment
	// TargetUser gets the host's access to the target, a user name or an ARN; empty for
	// the user who has it in the source.
	TargetUser string
	// Lock makes a target with object lock; nil makes one without. Keeper gets the
	// keeper's access to the target; empty for the source's keeper, if it has one.
	Lock   *LockOptions
	Keeper string
	// AllowUnverified restores a state although it contradicts the version history. A
	// state that names missing versions is still refused.
	AllowUnverified bool
	// Parallel is how many copies are in flight at once; 0 for the Store's number.
	Parallel int
	OnEvent  func(Event)
}

// RestoreResult describes a completed restore.
type RestoreResult struct {
	Source, Target string
	Moment         Moment    // with the version of its state
	StateTime      time.Time // when the state was saved, by the server's clock
	Objects, Bytes int64     // in the target now
	Copied         int64     // of Objects
	Skipped        int64     // of Objects: copied by an earlier run
	// ETagUnchecked counts objects whose size alone could be compared, because not
	// every server's copy keeps the ETag of a multipart upload.
	ETagUnchecked int64
	// Locks counts the repository's locks among the Objects. Nothing holds them in the
	// target: remove them (restic unlock --remove-all) before check or prune. As of a
	// time none are copied; LocksLeftOut counts them.
	Locks, LocksLeftOut int64
	TargetUser          string // principal
	Keeper              string // principal; "" without one
	LockProof           *LockProof
	Verification        *Verification
	Check               *PolicyCheck // of the target
	Started             time.Time
	Seconds             float64 // how long it took
}

// Restore makes the target bucket and copies into it, server-side and in
// parallel, every object that was current when the state was saved; as of a time, all
// but the repository's locks, which nothing holds in the target.
//
// Before anything is made, the state is compared with the versions the source really
// has: a *MissingVersionsError lists versions that are missing, a *StateDiffersError
// lists where the history contradicts the state. The target gets the policy of Create
// for the user of the source's policy; the state's own policy is never copied. Until
// everything is copied and compared, only the admin has access to the target.
//
// An existing target is refused with ErrTargetExists, unless an earlier run of the same
// restore made it and did not finish: then what is missing is copied. So after an
// interruption or a *BatchError run it again.
//
// Errors: ErrNoState, ErrBadState, ErrMissing, ErrStateDiffers, ErrTargetExists,
// ErrSameBucket, ErrNotVersioned, ErrPolicy, ErrCopyDiffers, with a lock ErrNoLock and
// ErrLockFails.
func (s *Store) Restore(ctx context.Context, opts RestoreOptions) (*RestoreResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	r := &restorer{s: s, opts: opts, rep: rep, res: &RestoreResult{
		Source: opts.Source, Target: opts.Target, Moment: opts.Moment, Started: time.Now(),
	}}
	if r.opts.Parallel <= 0 {
		r.opts.Parallel = s.parallel
	}
	defer func() {
		if r.manifest != nil {
			r.manifest.close()
		}
	}()
	// What ends after the target was made says what is in it.
	err := endedEarly(ctx, r.run(ctx), "restore into", opts.Target)
	r.res.Seconds = time.Since(r.res.Started).Seconds()
	return r.res, err
}

type restorer struct {
	s        *Store
	opts     RestoreOptions
	rep      *reporter
	res      *RestoreResult
	manifest *manifest
	origin   RestoreOrigin
	admin    string
	target   string // principal
	keeper   string // principal; "" without one
	forms    func(ceph bool) []roles
	lock     *LockOptions
	sealed   bool // the host may not read file data of the source
	resume   bool
	runID    string

	mu      sync.Mutex
	checked time.Time // when the target was last seen to be this run's

	live         *bucketConfig // of the source
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
	r.res.Moment.StateVersion, r.res.StateTime = saved.VersionID, saved.Time
	r.origin = RestoreOrigin{r.opts.Source, r.opts.Moment.StateKey, saved.VersionID}
	if at := r.opts.Moment.At; !at.IsZero() {
		r.origin.StateKey = "@" + at.UTC().Format(time.RFC3339Nano)
	}
	r.rep.emit(StepDone{Bucket: r.opts.Source, Step: "read the state"})
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

// look reads source, state and target.
func (r *restorer) look(ctx context.Context) (saved *SavedState, err error) {
	var wg sync.WaitGroup
	var sourceErr, stateErr, targetErr error
	wg.Go(func() { r.live, sourceErr = r.s.bucketConfig(ctx, r.opts.Source) })
	wg.Go(func() {
		r.manifest, saved, r.res.LocksLeftOut, stateErr = r.s.restorable(ctx, r.opts.Source, r.opts.Moment, r.rep)
	})
	wg.Go(func() { r.targetExists, targetErr = r.s.exists(ctx, r.opts.Target) })
	wg.Wait()
	switch {
	case sourceErr != nil:
		return nil, sourceErr
	case r.live.versioning == "": // suspended versioning keeps the old versions
		return nil, fmt.Errorf("bucket %s: %w", r.opts.Source, ErrNotVersioned)
	case stateErr != nil:
		return nil, stateErr
	}
	return saved, targetErr
}

func (r *restorer) checkNames() error {
	if err := s3versions.CheckBucketName(r.opts.Source); err != nil {
		return err
	}
	if r.opts.Source == r.opts.Target {
		return fmt.Errorf("restore %s: %w; give the name of a new bucket as target", r.opts.Source, ErrSameBucket)
	}
	if err := checkNewName(r.opts.Target); err != nil {
		return err
	}
	var err error
	if r.lock, err = r.opts.Lock.copied(); err != nil {
		return err
	}
	if r.lock != nil && r.lock.Mode == Governance {
		return fmt.Errorf("%w: restoring into a bucket locked in %s; that mode is for trials with a new bucket", ErrInvalid, Governance)
	}
	return r.opts.Moment.check()
}

func (r *restorer) verify(ctx context.Context, saved *SavedState) error {
	v, err := r.s.verifyMoment(ctx, r.opts.Source, r.opts.Moment, r.manifest, saved, r.rep)
	r.res.Verification = v
	if r.opts.AllowUnverified {
		err = tolerate(err)
	}
	if err != nil {
		return err
	}
	r.rep.emit(StepDone{Bucket: r.opts.Source, Step: "compare the state with the version history"})
	return nil
}

// fill makes the target, copies, compares, and only then lets the host in.
func (r *restorer) fill(ctx context.Context) error {
	m := &maker{s: r.s, rep: r.rep, op: "restore", bucket: r.opts.Target, next: "run the same restore again", lock: r.lock, seal: seal{on: r.sealed}, resumed: r.resume}
	if !r.resume {
		m.next = "remove the bucket with storage-delete, then restore again"
		m.makeBucket(ctx, "")
		if m.err == nil {
			if err := r.requireNew(ctx); err != nil {
				return ended(ctx, fmt.Errorf("restore into %s: %w", r.opts.Target, err), StepError{
					Op: "restore into", Bucket: r.opts.Target, Step: "look into the new bucket", Done: m.done, Next: m.next,
				})
			}
		}
	}
	r.runID = rand.Text()
	m.runID = r.runID
	m.step("mark the bucket as unfinished", func() error {
		ceph, err := r.s.isCeph(ctx, r.opts.Target)
		if err != nil {
			return err
		}
		var texts []string
		for _, form := range r.forms(ceph) {
			texts = append(texts, unfinishedPolicy(r.opts.Target, form, r.origin, r.runID))
		}
		return m.setTried(ctx, slices.Compact(texts))
	})
	m.runID = ""
	if errors.Is(m.err, errTakenOver) {
		return r.partial(errTakenOver)
	}
	m.next = "run the same restore again"
	m.protect(ctx)
	m.lockBucket(ctx, nil)
	m.endProof(ctx) // before the objects of the target are counted
	if m.err != nil {
		return m.err
	}
	if err := r.copyAll(ctx); err != nil {
		return r.partial(err)
	}
	r.rep.emit(StepDone{Bucket: r.opts.Target, Step: "copy the objects"})
	if err := r.compare(ctx); err != nil {
		return r.partial(err)
	}
	r.rep.emit(StepDone{Bucket: r.opts.Target, Step: "compare the copies"})
	r.res.Locks = r.manifest.locks
	if err := r.stillOurs(ctx, true); err != nil {
		return r.partial(err)
	}
	r.res.Check = m.police(ctx, r.forms)
	r.res.LockProof = m.proof
	r.res.TargetUser, r.res.Keeper = r.target, r.keeper
	if m.err == nil {
		r.res.TargetUser, r.res.Keeper = r.res.Check.Target, r.res.Check.Keeper
	}
	return m.err
}

// partial says what an aborted restore leaves behind.
func (r *restorer) partial(err error) error {
	if errors.Is(err, errTakenOver) {
		return fmt.Errorf("restore into %s: %w; this one stopped, let the other one finish", r.opts.Target, errTakenOver)
	}
	there := r.res.Copied + r.res.Skipped
	next := fmt.Sprintf("%d of %s %s in place; run the same restore again to continue, or remove bucket %s with storage-delete",
		there, plural.Of(r.manifest.count, "object"), plural.Are(there), r.opts.Target)
	var batch *BatchError
	if errors.As(err, &batch) {
		batch.Next = next
		return batch
	}
	return &StepError{Op: "restore", Bucket: r.opts.Target, Step: "copy the objects", Err: err, Next: next}
}
