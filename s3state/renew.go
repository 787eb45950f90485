package s3state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/internal/plural"
)

// RenewOptions select what stays locked.
type RenewOptions struct {
	// Needed reports whether a current object, given by its key, is needed. nil means
	// that all current objects are needed. What a host writes, such as an index, is no
	// reason to leave one out: an attacker on it could hide it whenever the locks are
	// renewed. It is not called for locks and saved states; the newest state is always
	// needed.
	Needed func(key string) bool
	// KeepStates is how many of the newest saved states that the history confirms are
	// kept restorable, whatever was deleted since; negative for all. KeepWithin keeps
	// what was current at any time within this period.
	KeepStates int
	KeepWithin time.Duration
	// Suspicious looks for anything suspicious and says what it has found; "" if
	// nothing. nil uses History.
	Suspicious func(ctx context.Context) (reason string, err error)
	// Freeze is a reason to renew every version in the bucket; "" for none. Anything
	// suspicious is such a reason, too.
	Freeze string
	// Lock is the promise to keep; nil for what the bucket's settings say, or the
	// ledger, if that is more: an attacker with the admin's keys can change the
	// settings.
	Lock *LockOptions
	// Ledger remembers what was renewed when; nil remembers nothing, and then every
	// version is renewed.
	Ledger *RenewLedger
	// All proves the lock of every version that the ledger vouches for, not only of
	// metadata and of a sample of packs.
	All     bool
	OnEvent func(Event)
}

// RenewResult describes what is locked, and until when.
type RenewResult struct {
	Bucket string `json:"bucket"`
	// Days is N of the promise, RetainDays N+G, and Mode the mode renewed in.
	Days       int      `json:"promise_days"`
	RetainDays int      `json:"retain_days"`
	Mode       LockMode `json:"mode"`
	// Frozen says why every version was renewed, needed or not: something was
	// suspicious, or RenewOptions.Freeze was set. "" if only needed ones were.
	Frozen string `json:"frozen,omitempty"`
	// Needed counts the versions that have to stay locked. Each is either Renewed by
	// this run, Known from the ledger, Longer locked than was asked for, Young (written
	// less than a minute ago, and left to the next run) or Failed.
	Needed  int64 `json:"needed"`
	Bytes   int64 `json:"bytes"`
	Renewed int64 `json:"renewed"`
	Known   int64 `json:"known"`
	Longer  int64 `json:"longer"`
	Young   int64 `json:"young"`
	Failed  int64 `json:"failed"`
	// Proved counts the Known versions whose locks were read from the server, and the
	// Renewed ones if the ledger was wrong; Sampled means that these were not all.
	Proved  int64 `json:"proved"`
	Sampled bool  `json:"sampled"`
	// Floor is until when everything needed is locked, except for the young versions;
	// zero if something is not locked at all.
	Floor time.Time `json:"floor,omitzero"`
	// Problems are the reasons why the lock does not keep its promise.
	Problems []string `json:"problems,omitempty"`
	// Weakened says what the bucket's settings promise less than the ledger does, and
	// Wrong, how many locks were shorter than the ledger says. Both are of Problems, and
	// reasons to renew everything, also if Frozen gives another one.
	Weakened string `json:"weakened,omitempty"`
	Wrong    string `json:"wrong,omitempty"`

	Time    time.Time `json:"time"`    // of the run, by the clock of the Store or, if that is behind, the server's
	Seconds float64   `json:"seconds"` // how long it took
}

// Kept reports that every needed object is locked for as long as promised. Young
// versions, which the bucket's default retention locks, do not count against that.
func (r *RenewResult) Kept() bool {
	return r.Failed == 0 && r.Young == r.Needed || r.Failed == 0 && !r.Floor.Before(whole(r.Time).Add(time.Duration(r.Days)*Day))
}

// RenewProgress counts the versions of a renewal.
type RenewProgress struct {
	Bucket       string
	Done, Total  int64
	Renewed      int64 // of Done
	Failed       int64
	ProvingLocks bool // the versions are those whose locks are proved
}

func (RenewProgress) event() {}

const (
	// tooYoung is how old a version is at least that is renewed. A younger one may
	// belong to an upload in progress, and has a fresh lock of its own.
	tooYoung = time.Minute
	// sampledPacks finds with 99 % certainty that one pack in a hundred is not locked.
	sampledPacks = 459
)

// Renew extends, by version ID, the locks of what is needed and has less than N+G/2
// left, to N+G; see [RenewOptions] for what is needed. It takes the keeper's or the
// admin's credentials. With a ledger a version is renewed at most once within G/2, so
// run it at least that often, best daily.
//
// What the ledger vouches for is proved: the locks of all metadata and of 459 packs are
// read. If one is not as the ledger says, or anything in the bucket's history or
// settings is suspicious, every version that the bucket has is renewed, deleted objects
// included, so that nothing that could be needed is removed before the admin has
// reviewed it.
//
// A *BatchError lists the versions that could not be renewed. The result is returned
// with it, and the ledger records what was done, so the next run continues from there.
//
// Errors: ErrNotLocked, ErrLockFails, *BatchError.
func (s *Store) Renew(ctx context.Context, bucket string, opts RenewOptions) (*RenewResult, error) {
	s = s.made()
	rep := newReporter(opts.OnEvent)
	defer rep.close()
	r := &renewer{s: s, c: s.observed(rep), bucket: bucket, opts: opts, rep: rep}
	defer r.close()
	began := time.Now()
	err := r.run(ctx)
	err = ended(ctx, err, StepError{
		Op: "renew the locks of", Bucket: bucket, Step: "renew", Left: fmt.Sprintf("renewed: %d of %s", r.res.Renewed, plural.Of(r.res.Needed, "version")),
		Next: "run the same again",
	})
	if flushed := opts.Ledger.flush(); flushed != nil {
		err = errors.Join(err, flushed)
	}
	r.res.Seconds = time.Since(began).Seconds()
	return &r.res, err
}

func (r *renewer) run(ctx context.Context) error {
	r.res.Bucket, r.res.Time = r.bucket, r.s.now()
	if err := r.opts.Ledger.of(r.bucket); err != nil {
		return err
	}
	if err := r.promise(ctx); err != nil {
		return err
	}
	reason, err := r.suspicious(ctx)
	if err != nil {
		return err
	}
	r.res.Frozen = reason
	for {
		if err := r.list(ctx); err != nil {
			return err
		}
		if err := r.renewAll(ctx); err != nil {
			r.res.Floor = time.Time{} // nothing is known of those it did not come to
			return err
		}
		wrong, err := r.proveKnown(ctx)
		if err != nil {
			return err
		}
		if wrong == 0 {
			break
		}
		if r.distrusted {
			r.res.Floor = time.Time{}
			return fmt.Errorf("renew the locks of bucket %s: %w: of what was just renewed, %s %s not locked as promised", r.bucket, ErrLockFails, plural.Of(wrong, "version"), plural.Are(wrong))
		}
		// Whatever made the ledger wrong, nothing of it is believed any more.
		r.distrusted = true
		r.opts.Ledger.forget()
		text := fmt.Sprintf("%d of %s whose lock was proved %s not locked for as long as the record of renewals says", wrong, plural.Of(r.res.Proved, "version"), plural.Are(wrong))
		r.res.Problems, r.res.Wrong = append(r.res.Problems, text), text
		if r.res.Frozen == "" {
			r.res.Frozen = text
		}
	}
	r.opts.Ledger.setProof(FloorProof{r.res.Time, r.res.Floor, r.res.Needed, r.res.Young, r.res.Failed, r.res.Sampled})
	if r.failed.Total > 0 {
		r.failed.Next = "the other locks are renewed; run the same again"
		return &r.failed
	}
	return nil
}

// promise finds N, G and the mode.
func (r *renewer) promise(ctx context.Context) error {
	l, err := r.s.Lock(ctx, r.bucket)
	if err != nil {
		return err
	}
	r.res.Problems = append(r.res.Problems, l.Problems...)
	if i := slices.Index(r.res.Problems, neverRemoved); i >= 0 && r.opts.Lock != nil {
		// What is asked for is kept without the rule, which storage-lock sets last.
		r.res.Problems = slices.Delete(r.res.Problems, i, i+1)
	}
	want := promiseOf(l)
	if l.beyond && r.opts.Lock == nil {
		// No command of RWM sets that. Nobody could ever remove what was locked so.
		r.weakened = "the bucket's default retention is longer than S3 takes"
		if want.RetainDays = 0; want.Days > 0 {
			want.RetainDays = want.Days + defaultGrace(want.Days)
		}
	}
	if r.opts.Lock != nil {
		o, err := r.opts.Lock.filled()
		if err != nil {
			return err
		}
		want = renewPromise{Days: o.Days, RetainDays: o.retainDays(), Mode: o.Mode}
	} else if known := r.opts.Ledger.promise(); known.stronger(want) {
		r.weakened = fmt.Sprintf("the bucket's settings promise %s and lock for %d (%s); they were %d and %d (%s)", plural.Of(want.Days, "day"), want.RetainDays, orNone(want.Mode), known.Days, known.RetainDays, known.Mode)
		r.res.Problems, r.res.Weakened = append(r.res.Problems, r.weakened), r.weakened
		want = renewPromise{max(want.Days, known.Days), max(want.RetainDays, known.RetainDays), known.Mode}
	}
	if !l.Enabled || want.RetainDays == 0 {
		return fmt.Errorf("bucket %s: %w; see storage-lock", r.bucket, ErrNotLocked)
	}
	if want.RetainDays < want.Days+2 {
		want.RetainDays = want.Days + 2
	}
	r.res.Days, r.res.RetainDays, r.res.Mode = want.Days, want.RetainDays, want.Mode
	r.opts.Ledger.setPromise(want)
	return nil
}

// stronger reports whether a promise is lost by another one.
func (p renewPromise) stronger(than renewPromise) bool {
	return p.RetainDays > than.RetainDays || p.Days > than.Days || p.Mode == Compliance && than.Mode != Compliance
}

func orNone(m LockMode) string { return cmp.Or(string(m), "no mode") }

func promiseOf(l *Lock) renewPromise { return renewPromise{l.Days, l.RetainDays, l.Mode} }

// suspicious gives the reason to renew everything.
func (r *renewer) suspicious(ctx context.Context) (string, error) {
	switch {
	case r.opts.Freeze != "":
		return r.opts.Freeze, nil
	case r.weakened != "":
		return r.weakened, nil
	case r.opts.Suspicious != nil:
		return r.opts.Suspicious(ctx)
	}
	h, err := r.s.History(ctx, r.bucket, HistoryOptions{})
	if err != nil {
		return "", err
	}
	return SuspiciousHistory(h), nil
}

// SuspiciousHistory describes the first suspicious sign of a history and the number of
// signs; "" if there is none.
func SuspiciousHistory(h *History) string {
	switch {
	case h.Total == 0:
		return ""
	case len(h.Suspicions) == 0:
		return fmt.Sprintf("%d suspicious signs", h.Total)
	case h.Total == 1:
		return h.Suspicions[0].String()
	}
	return fmt.Sprintf("%s, and %d more", h.Suspicions[0], h.Total-1)
}
