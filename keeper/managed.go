package keeper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// managed is a Storage through an rwm.Manager with the keeper's credentials.
type managed struct {
	cfg      *StorageConfig
	bucket   string
	m        *rwm.Manager
	host     *rwm.Manager // with the host's credentials; nil without
	cache    string
	dir      string // for what is restored
	ledger   string // of renewals
	log      *slog.Logger
	password string
	notes    []string // warnings of the manager

	// lock is how this pass has found the bucket locked; nil if not as it should be.
	// accept is set once a person has looked at changes of it: a shorter lock than before
	// is taken over if it keeps moments for that long.
	lock   *s3state.Lock
	accept time.Duration
	all    bool // all current objects are renewed

	reviewed time.Time // until then a person has looked at the history
	forgets  func([]restic.ID)

	listing *s3state.Listing // that of the survey, if the history can use it
	newest  time.Time        // moment of the survey

	live   *restic.Session // opened when first needed, without a lock
	reader *restic.Reader
	asOf   *restic.Session // as of newest, opened when first needed
}

// ofBucket names a file after the bucket, whatever its storage is called.
func ofBucket(cfg *StorageConfig) string {
	sum := sha256.Sum256([]byte(cfg.S3EndpointURL + "\x00" + cfg.ResticBucket))
	return url.PathEscape(cfg.ResticBucket) + "-" + hex.EncodeToString(sum[:4])
}

// openManaged reads the secrets and makes the managers. It sends nothing.
func openManaged(ctx context.Context, cfg *StorageConfig, rt http.RoundTripper, state string, now func() time.Time, log *slog.Logger) (*managed, error) {
	cache := filepath.Join(state, "cache")
	s := &managed{cfg: cfg, bucket: cfg.ResticBucket, log: log, cache: cache, dir: stateDir(state).drills(),
		ledger: filepath.Join(state, "renewals", ofBucket(cfg))}
	rc := &rwm.Config{S3EndpointURL: cfg.S3EndpointURL, ResticBucket: cfg.ResticBucket}
	var err error
	get := func(what string, from Secret, into *string) {
		if err != nil || from.Empty() {
			return
		}
		if *into, err = from.Get(ctx); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}
	get("s3_access_key", cfg.S3AccessKey, &rc.S3AccessKey)
	get("s3_secret_key", cfg.S3SecretKey, &rc.S3SecretKey)
	get("restic_password", cfg.ResticPassword, &rc.ResticPassword)
	hc := &rwm.Config{S3EndpointURL: cfg.S3EndpointURL, ResticBucket: cfg.ResticBucket}
	get("host_access_key", cfg.HostAccessKey, &hc.S3AccessKey)
	get("host_secret_key", cfg.HostSecretKey, &hc.S3SecretKey)
	if err != nil {
		return nil, err
	}
	s.password = rc.ResticPassword
	opts := []rwm.Option{
		rwm.WithTransport(rt), rwm.WithClock(now), rwm.WithLogger(log), rwm.WithProof(rwm.ProofOptions{MaxRequests: -1}),
		rwm.WithStoreOptions(s3state.WithPromise(s.promised)),
		rwm.WithSessionOptions(restic.WithCacheDir(cache), restic.WithRetryFor(time.Minute)),
	}
	evidence := rwm.WithEvidence(filepath.Join(state, "evidence", ofBucket(cfg)+".json"))
	if s.m, err = rwm.New(rc, append(opts, evidence, rwm.WithEvents(s.event))...); err != nil {
		return nil, err
	}
	if hc.S3AccessKey != "" {
		if s.host, err = rwm.New(hc, opts...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *managed) event(e rwm.Event) {
	if w, ok := e.(rwm.Warning); ok {
		s.notes = append(s.notes, w.Text)
	}
}

// takeNotes returns the warnings since its last call.
func (s *managed) takeNotes() []string {
	notes := s.notes
	s.notes = nil
	return notes
}

func (s *managed) Close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.live != nil {
		errs = append(errs, s.live.Close())
	}
	errs = append(errs, s.forgetNewest())
	return errors.Join(errs...)
}

// session is the repository as it is now, for reading.
func (s *managed) session(ctx context.Context) (*restic.Session, error) {
	if s.cfg.sealed() {
		return nil, errNoPassword
	}
	if s.live == nil {
		session, err := s.m.OpenRepository(ctx, restic.WithoutLock())
		if err != nil {
			return nil, err
		}
		s.live = session
	}
	return s.live, nil
}

// Prove opens the repository as of the moment and proves that it holds together, as
// storage-history does: key, config, indexes, snapshots and trees are there and whole,
// and so is every pack with its size and its header. What was written more than once is
// read whole, and so is everything in a small repository. What was proved before is
// known.
func (s *managed) Prove(ctx context.Context, at time.Time) (*Proof, error) {
	if s.cfg.sealed() {
		return nil, errNoPassword
	}
	found, err := s.m.Prove(ctx, at)
	if err != nil {
		return nil, err
	}
	return proofFrom(found, at), nil
}

func proofFrom(found *s3state.Proof, at time.Time) *Proof {
	p := &Proof{
		Moment: at, Proved: found.Verdict == s3state.Proved, Damage: found.Verdict == s3state.Broken,
		Snapshots: found.Snapshots, Packs: found.Packs, DataRead: found.DataRead, Why: found.Reason,
	}
	if p.Proved && p.Snapshots == 0 {
		p.Proved, p.Why = false, "there is no snapshot in the repository"
	}
	return p
}

// promised is what the keeper has renewed the bucket's locks for.
func (s *managed) promised(string) s3state.Promise {
	p, _, err := s3state.ReadRenewLedger(s.ledger)
	if err != nil {
		return s3state.Promise{} // the renewal says why
	}
	return p
}

// Renew does not judge the history itself: the pass has done so, and knows what a
// person has reviewed.
func (s *managed) Renew(ctx context.Context, freeze string) (r *Renewal, err error) {
	// Without the ledger everything is renewed. That takes a request for each version,
	// but the promise holds.
	ledger, unreadable := s3state.OpenRenewLedger(s.ledger)
	defer func() { err = errors.Join(err, ledger.Close()) }()
	opts := s3state.RenewOptions{
		Ledger: ledger, Freeze: freeze, Suspicious: func(context.Context) (string, error) { return "", nil },
	}
	if l := s.lock; s.accept > 0 && l != nil && l.Promise() >= s.accept {
		opts.Lock = &s3state.LockOptions{Days: l.Days, GraceDays: l.RetainDays - l.Days, Mode: l.Mode}
	}
	if s.all {
		opts.Needed = func(string) bool { return true }
	}
	res, err := s.m.RenewLocks(ctx, s.bucket, opts)
	if err != nil {
		return nil, err
	}
	r = &Renewal{Extended: res.Renewed, Needed: res.Needed, Young: res.Young, Floor: res.Floor, Kept: res.Kept(), Problems: res.Problems,
		Weakened: res.Weakened, Wrong: res.Wrong}
	if unreadable != nil {
		r.Kept, r.Problems = false, append(r.Problems, unreadable.Error())
	}
	return r, nil
}

func (s *managed) renewAllCurrent() { s.all = true }

func (s *managed) acceptLock(least time.Duration) { s.accept = least }

func (s *managed) beforeForgetting(fn func([]restic.ID)) { s.forgets = fn }

func (s *managed) reviewedUntil(at time.Time) { s.reviewed = at }

func (s *managed) Forget(ctx context.Context, policy restic.Policy) (*Forgotten, error) {
	if s.cfg.sealed() {
		return nil, errNoPassword
	}
	session, err := s.m.OpenRepository(ctx, restic.WithRetryLock(5*time.Minute))
	if err != nil {
		return nil, err
	}
	opts := restic.ForgetOptions{Policy: policy, Prune: &restic.PruneOptions{}}
	opts.OnEvent = func(e restic.Event) {
		if decided, ok := e.(restic.ForgetDecided); ok && s.forgets != nil {
			s.forgets(decided.Remove)
		}
	}
	res, err := session.Forget(ctx, opts)
	if err = errors.Join(err, session.Close()); err != nil {
		return nil, err
	}
	f := &Forgotten{Removed: res.Removed}
	if res.Prune != nil {
		f.Freed = res.Prune.FreedBytes()
	}
	return f, nil
}

func (s *managed) Drop(ctx context.Context, keep time.Duration) (*Dropped, error) {
	d, err := s.m.DropVersions(ctx, s.bucket, s3state.DropOptions{RequireComplete: true, KeepWithin: keep, ReviewedUntil: s.reviewed})
	if err != nil {
		return nil, err
	}
	return &Dropped{Versions: d.OldVersions, Markers: d.DeleteMarkers, Bytes: d.Bytes}, nil
}
