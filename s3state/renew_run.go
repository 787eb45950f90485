package s3state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/internal/reqctx"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/s3versions"
)

// renewer is one run of Renew.
type renewer struct {
	s          *Store
	c          *s3versions.Client
	bucket     string
	opts       RenewOptions
	rep        *reporter
	res        RenewResult
	weakened   string      // what the bucket's settings have lost
	distrusted bool        // the ledger was wrong
	lateLost   atomic.Bool // the server cannot store locks that end late
	latest     time.Time   // date that can be right
	asked      bool        // the server, for the time

	// The versions that are needed: what was there before, what is new, and what the last
	// run could not renew.
	old, fresh, refused *manifest
	failed              BatchError
	// lapsing are the versions that lifecycle may remove while this runs, unless they
	// are renewed first.
	lapsing map[[16]byte]struct{}

	mu      sync.Mutex
	done    int64
	prove   []claim // versions whose lock is to be read
	packs   int64   // claimed packs seen
	claimed int64   // versions claimed
	answer  int64   // requests that the server answered
}

// claim is what the ledger, or the server when it renewed the lock, says of a version.
type claim struct {
	entry
	until time.Time
}

func (r *renewer) close() {
	for _, m := range []*manifest{r.old, r.fresh, r.refused} {
		if m != nil {
			m.close()
		}
	}
}

// list finds the versions that are needed.
func (r *renewer) list(ctx context.Context) error {
	r.close()
	r.old, r.fresh, r.refused = &manifest{}, &manifest{}, &manifest{}
	r.failed = BatchError{Op: "renew the locks of", Bucket: r.bucket}
	r.prove, r.packs, r.claimed, r.done = nil, 0, 0, 0
	r.lapsing = map[[16]byte]struct{}{}
	res := &r.res
	res.Needed, res.Bytes, res.Renewed, res.Known, res.Longer, res.Young, res.Failed, res.Floor = 0, 0, 0, 0, 0, 0, 0, time.Time{}
	kept := &keepSet{}
	if r.opts.KeepStates != 0 || r.opts.KeepWithin != 0 {
		var err error
		if kept, err = r.s.keepers(ctx, r.bucket, DropOptions{KeepStates: r.opts.KeepStates, KeepWithin: r.opts.KeepWithin}, res.Time, nil); err != nil {
			return err
		}
	}
	var newest entry // state
	var newer Version
	r.latest, r.asked = r.s.now().Add(offAtMost), false
	err := r.s.listVersions(ctx, r.bucket, "", r.rep, func(entries []Version) error {
		for i := range entries {
			v := &entries[i]
			if v.LastModified.After(res.Time) && r.dated(ctx, v) {
				res.Time = v.LastModified
			}
			var superseded time.Time
			if v.Key == newer.Key {
				superseded = newer.LastModified
			}
			newer = *v
			if v.DeleteMarker {
				continue
			}
			if v.IsLatest && isState(v) && !v.LastModified.Before(newest.Modified) {
				newest = entryFrom(v)
			}
			if r.needs(v, superseded, kept) {
				if !v.IsLatest && !superseded.Add(time.Duration(r.res.Days)*Day).After(res.Time.Add(Day)) {
					r.lapsing[keepID(v.Key, v.VersionID)] = struct{}{}
				}
				if err := r.add(entryFrom(v)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && newest.Key != "" && res.Frozen == "" && !kept.has(newest.Key, newest.VersionID) {
		err = r.add(newest)
	}
	res.Needed, res.Bytes = r.old.count+r.fresh.count+r.refused.count, r.old.bytes+r.fresh.bytes+r.refused.bytes
	return err
}

// dated reports whether the date of a version can be right. Nobody can undo a lock that
// begins years ahead, as one does where a clock was wrong. The server is asked only about
// a date that is ahead of this machine's clock.
func (r *renewer) dated(ctx context.Context, v *Version) bool {
	if v.LastModified.After(r.latest) && !r.asked {
		r.asked = true
		r.latest = r.s.serverTime(ctx, r.bucket, r.s.now()).Add(offAtMost)
		if v.LastModified.After(r.latest) {
			r.s.log.Warn("the server has dated a version days into the future; no lock is made to begin then",
				"bucket", r.bucket, "key", v.Key, "version", v.VersionID, "date", v.LastModified)
		}
	}
	return !v.LastModified.After(r.latest)
}

// add notes a version to be renewed. Old ones come first, and those that were renewed
// before: if the time or the requests do not suffice for all, what a host has just
// written is still locked for long. What cannot be renewed comes last: a host may be
// able to make any number of that.
func (r *renewer) add(o entry) error {
	if r.opts.Ledger.wasRefused(o.Key, o.VersionID) {
		return r.refused.add(o)
	}
	if r.res.Time.Sub(o.Modified) > r.grace()/2 || !r.opts.Ledger.until(o.Key, o.VersionID).IsZero() {
		return r.old.add(o)
	}
	return r.fresh.add(o)
}

// grace is G, the time beyond the promise.
func (r *renewer) grace() time.Duration { return time.Duration(r.res.RetainDays-r.res.Days) * Day }

// needs reports whether a version has to stay locked. superseded is when it was
// replaced or deleted, zero if it was not.
func (r *renewer) needs(v *Version, superseded time.Time, kept *keepSet) bool {
	switch {
	case kept.has(v.Key, v.VersionID):
		return true
	case TypeOf(v.Key) == TypeCanary:
		// Access leaves them locked in GOVERNANCE where a host may lock, which a keeper
		// cannot lock in COMPLIANCE everywhere. Nothing needs them.
		return false
	case r.res.Frozen != "", !v.IsLatest && kept.within(superseded):
		return true
	case kept.hasEvidence(v, later(superseded, r.until(v))):
		return true // without the locks of prunes, what is kept would look deleted by an attacker
	case !v.IsLatest || !partOfRepository(v.Key):
		return false
	}
	return r.opts.Needed == nil || r.opts.Needed(v.Key)
}

// until is now for what is current, and so still exists.
func (r *renewer) until(v *Version) time.Time {
	if v.IsLatest {
		return r.res.Time
	}
	return time.Time{}
}

// each calls fn for the versions that are needed, many at once.
func (r *renewer) each(ctx context.Context, all func(func(entry) error) error, fn func(context.Context, entry)) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	work := make(chan entry)
	var wg sync.WaitGroup
	for range max(r.s.parallel, 1) {
		wg.Go(func() {
			for o := range work {
				if ctx.Err() == nil {
					fn(ctx, o)
				}
				if err := r.stopped(); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := events.Try(func() error { // all asks a function of the caller's
		return all(func(o entry) error {
			select {
			case work <- o:
				return nil
			case <-ctx.Done():
				return reqctx.Cause(outer, ctx)
			}
		})
	})
	close(work)
	wg.Wait()
	if cause := reqctx.Cause(outer, ctx); err == nil && cause != nil {
		err = cause
	}
	return err
}

// stopped is the error after which no further request makes sense.
func (r *renewer) stopped() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed.Total == 0 {
		return nil
	}
	last := r.failed.Failed[len(r.failed.Failed)-1].Err
	// A server that answered others meanwhile is not unreachable.
	if hopeless(last) && !(errors.Is(last, ErrUnreachable) && r.answer > 0) {
		return &r.failed
	}
	// Some that are refused say nothing of the others, unless nothing was ever renewed.
	if r.failed.Total >= maxListed && r.res.Renewed+r.res.Longer+r.res.Known == 0 {
		return &r.failed
	}
	return nil
}

func (r *renewer) renewAll(ctx context.Context) error {
	until := whole(r.res.Time).Add(time.Duration(r.res.RetainDays) * Day)
	grace := r.grace()
	// A daily run comes an hour late now and then, so less than a day and a half is not
	// enough. With a grace of two days that means each day, which is G/2.
	enough := until.Add(max(grace/2, 3*Day/2) - grace)
	renew := func(ctx context.Context, o entry) {
		if age := r.res.Time.Sub(o.Modified); age < tooYoung && age > -offAtMost {
			r.count(o, &r.res.Young, time.Time{}, nil)
			return
		}
		if known := r.opts.Ledger.until(o.Key, o.VersionID); !known.Before(enough) {
			r.known(o, known)
			return
		}
		locked, longer, err := r.extend(ctx, o, until)
		switch {
		case err != nil && ctx.Err() != nil:
			return // a consequence, not a cause
		case err != nil && r.lapsed(o, err):
			r.mu.Lock()
			defer r.mu.Unlock()
			r.res.Needed, r.res.Bytes = r.res.Needed-1, r.res.Bytes-o.Size
			return
		case err != nil:
			if !s3err.Transient(err) && !hopeless(err) {
				r.opts.Ledger.setRefused(o.Key, o.VersionID)
			}
			r.count(o, &r.res.Failed, locked, err)
			return
		}
		r.opts.Ledger.set(o.Key, o.VersionID, locked)
		counter := &r.res.Renewed
		if longer {
			counter = &r.res.Longer
		} else if r.distrusted {
			r.claim(o, locked)
		}
		r.count(o, counter, locked, nil)
	}
	for _, m := range []*manifest{r.old, r.fresh, r.refused} {
		if err := r.each(ctx, m.each, renew); err != nil {
			return err
		}
	}
	return nil
}

// extend locks a version until a time, and says until when it is locked. The server
// refuses to shorten a lock, so what it refuses may be locked for longer.
func (r *renewer) extend(ctx context.Context, o entry, until time.Time) (locked time.Time, longer bool, err error) {
	if r.lateLost.Load() {
		until = lateDate
	}
	err = putRetention(ctx, r.c, r.bucket, o.Key, o.VersionID, retention{mode: r.res.Mode, until: until}, false)
	if err == nil {
		if until.After(lateDate) {
			until, err = r.readBack(ctx, o, until)
		}
		return until, false, s3err.Describe(err)
	}
	if s3err.Transient(err) || ctx.Err() != nil || hopeless(s3err.Describe(err)) {
		return time.Time{}, false, s3err.Describe(err)
	}
	has, headErr := getRetention(ctx, r.c, r.bucket, o.Key, o.VersionID)
	if s3err.Status(headErr) == http.StatusNotFound {
		return time.Time{}, false, fmt.Errorf("%w: the version is gone", ErrNoObject)
	}
	if headErr != nil {
		return time.Time{}, false, s3err.Describe(err)
	}
	if locked = has.locked(r.res.Mode); !locked.Before(until) {
		return locked, true, nil
	}
	// What was locked in GOVERNANCE by hand takes a bypass to lock in COMPLIANCE on
	// some servers, which only the admin has. The lock only grows by that.
	if has.mode == Governance && r.res.Mode == Compliance {
		if has.until.After(until) {
			until = has.until
		}
		if putRetention(ctx, r.c, r.bucket, o.Key, o.VersionID, retention{mode: Compliance, until: until}, true) == nil {
			return whole(until), false, nil
		}
	}
	if locked.IsZero() {
		return locked, false, fmt.Errorf("not locked: %w", s3err.Describe(err))
	}
	return locked, false, fmt.Errorf("locked until %s only: %w", locked.UTC().Format(time.RFC3339), s3err.Describe(err))
}

// lapsed reports whether err means that lifecycle has removed a version, rightly, since
// it was listed. Nothing but a freeze would have kept it.
func (r *renewer) lapsed(o entry, err error) bool {
	_, may := r.lapsing[keepID(o.Key, o.VersionID)]
	return may && (errors.Is(err, ErrNoObject) || s3err.Status(err) == http.StatusNotFound)
}

// readBack reads the lock of a version that was extended to a late date. A server that
// cannot store the date has ended the lock; then it is set to the last date that it can
// store, and so is that of all other versions.
func (r *renewer) readBack(ctx context.Context, o entry, until time.Time) (time.Time, error) {
	has, err := getRetention(ctx, r.c, r.bucket, o.Key, o.VersionID)
	if err != nil || !has.until.Before(until) {
		return until, err
	}
	if !r.lateLost.Swap(true) {
		r.mu.Lock()
		r.res.Problems = append(r.res.Problems, fmt.Sprintf("this server cannot store locks that end after 7 February 2106, as those for %s do; they end then", plural.Of(r.res.RetainDays, "day")))
		r.mu.Unlock()
	}
	return lateDate, putRetention(ctx, r.c, r.bucket, o.Key, o.VersionID, retention{mode: r.res.Mode, until: lateDate}, false)
}

// count notes how a version fared; locked is until when it is locked.
func (r *renewer) count(o entry, counter *int64, locked time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*counter++
	if err != nil {
		r.failed.add(KeyError{o.Key, o.VersionID, err})
	} else if counter != &r.res.Young {
		r.answer++
	}
	if counter != &r.res.Young {
		r.lower(locked)
	}
	r.progress(false, r.res.Needed)
}

// lower takes a version into the floor. An unlocked one makes it the zero time for
// good.
func (r *renewer) lower(locked time.Time) {
	first := r.res.Renewed+r.res.Known+r.res.Longer+r.res.Failed == 1
	if first || locked.Before(r.res.Floor) {
		r.res.Floor = locked
	}
}

// known notes a version that the ledger vouches for.
func (r *renewer) known(o entry, until time.Time) {
	r.claim(o, until)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Known++
	r.lower(until)
	r.progress(false, r.res.Needed)
}

func (r *renewer) progress(proving bool, total int64) {
	r.done++
	if r.done%64 == 0 || r.done == total {
		r.rep.emit(RenewProgress{r.bucket, r.done, total, r.res.Renewed, r.res.Failed, proving})
	}
}
