package s3state

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Promise is how a bucket is known to be locked, whatever its settings say now; see
// [WithPromise].
type Promise struct {
	Days       int // N
	RetainDays int // N+G
}

// WithPromise tells the Store how buckets are known to be locked, for instance from the
// renewal ledger ([ReadRenewLedger]). An attacker with the admin's keys can shorten the
// lifecycle rule that removes old versions; a version whose absence only the shortened
// rule explains is then missing, not reclaimed. known is called when something is
// missing; it returns the zero Promise for a bucket it knows nothing about.
func WithPromise(known func(bucket string) Promise) Option {
	return func(s *Store) { s.promised = known }
}

// WithKnownSettings tells the Store what is known of the settings of buckets, see
// [KnownSettings]: a lifecycle rule that is no longer there may have removed versions,
// too. known is called when only the delete marker of a lock is left; it may return
// nil.
func WithKnownSettings(known func(bucket string) *KnownSettings) Option {
	return func(s *Store) { s.settingsKnown = known }
}

// Reclaimable reports whether the bucket's own lifecycle rule may have removed v by
// now, which tells "reclaimed" from "missing". current is a time at which v was
// current, such as that of a saved state that names it. The answer is also true for a
// version that the rule could not remove yet because a renewal had locked it for
// longer.
func (l *Lock) Reclaimable(v *Version, current, now time.Time) bool {
	return l.reclaimable(v, current, now, math.MaxInt)
}

// reclaimable is Reclaimable for a version whose key has the given number of newer
// versions left, some of which a rule may spare.
func (l *Lock) reclaimable(v *Version, current, now time.Time, newer int) bool {
	if l.Enabled && now.Before(v.LastModified.Add(l.Retention())) {
		return false
	}
	days := l.removesAfter(v.Key, newer)
	return days > 0 && !now.Before(current.Add(time.Duration(days)*Day))
}

// removesAfter returns the number of days after which the rule may remove a noncurrent
// version of a key at the earliest, 0 for never.
func (l *Lock) removesAfter(key string, newer int) (days int) {
	for i := range l.Lifecycle {
		r := &l.Lifecycle[i]
		if r.NoncurrentDays == 0 || !r.concerns(key) || newer < r.NewerNoncurrent {
			continue
		}
		if days == 0 || r.NoncurrentDays < days {
			days = r.NoncurrentDays
		}
	}
	return days
}

// hold makes the lock promise at least what p does: settings that promise less have
// been changed since.
func (l *Lock) hold(p Promise) {
	if p.Days <= 0 && p.RetainDays <= 0 {
		return
	}
	l.RetainDays = max(l.RetainDays, p.RetainDays)
	for i := range l.Lifecycle {
		if r := &l.Lifecycle[i]; r.NoncurrentDays > 0 {
			r.NoncurrentDays = max(r.NoncurrentDays, p.Days)
		}
	}
}

// ownRule is the bucket's own rule that removes old versions. It is read only when
// something is missing.
type ownRule struct {
	s      *Store
	bucket string
	read   bool
	lock   *Lock // nil if the caller may not read it
}

// of returns the bucket's lock, or nil if there is no rule or the caller may not read
// it, as a host may not. What is missing then counts as missing.
func (r *ownRule) of(ctx context.Context) *Lock {
	if r.read {
		return r.lock
	}
	l, err := r.s.Lock(ctx, r.bucket)
	if ctx.Err() != nil {
		return nil
	}
	r.read = true
	if err != nil || l.shortest() == 0 {
		return nil
	}
	if r.s.promised != nil {
		l.hold(r.s.promised(r.bucket))
	}
	r.lock = l
	return l
}

// explainer explains why an entry of a state may rightly be gone; ok is false if the
// rule does not account for it. replaced is when the oldest remaining newer version of
// the key was written, zero if there is none; newer is how many remain.
type explainer func(o *entry, replaced time.Time, newer int) (why string, ok bool)

func (r *ownRule) explain(ctx context.Context, saved *SavedState) explainer {
	f := &ruleFor{rule: r, saved: saved}
	return func(o *entry, replaced time.Time, newer int) (string, bool) {
		return f.reclaimed(ctx, o, replaced, newer)
	}
}

// ruleFor applies the rule to what one state names and the bucket lacks.
type ruleFor struct {
	rule  *ownRule
	saved *SavedState
	asked bool
	own   time.Time // until when the state is locked itself
}

// reclaimed is the explainer of a state.
func (f *ruleFor) reclaimed(ctx context.Context, o *entry, replaced time.Time, newer int) (why string, ok bool) {
	l := f.rule.of(ctx)
	if l == nil {
		return "", false
	}
	now := f.rule.s.now()
	v := Version{Key: o.Key, LastModified: o.Modified}
	if !l.reclaimable(&v, later(f.saved.Time, replaced), now, newer) || now.Before(f.lockedLonger(ctx, l)) {
		return "", false
	}
	return fmt.Sprintf("reclaimed: the storage's rule removes what has not been current for %s", days(l.removesAfter(o.Key, newer))), true
}

// lockedLonger returns until when the state itself is locked, if that is longer than
// the settings lock new versions: the settings have been shortened since, and what the
// state names was locked as long. In COMPLIANCE nobody can shorten a lock. (Or the
// state was renewed, and then what it names was, too.) It is zero if the settings are
// as they were.
func (f *ruleFor) lockedLonger(ctx context.Context, l *Lock) time.Time {
	if !l.Enabled {
		return time.Time{}
	}
	if !f.asked {
		f.asked = true
		if has, err := getRetention(ctx, f.rule.s.s3, f.rule.bucket, f.saved.Key, f.saved.VersionID); err == nil && has.mode == Compliance {
			f.own = has.until
		}
	}
	if f.own.After(f.saved.Time.Add(l.Retention() + Day)) {
		return f.own
	}
	return time.Time{}
}

func days(n int) string {
	if n == 1 {
		return "a day"
	}
	return fmt.Sprintf("%d days", n)
}

// shortest returns the number of days after which a noncurrent version is removed at
// the earliest, 0 for never.
func (l *Lock) shortest() (days int) {
	for i := range l.Lifecycle {
		if n := l.Lifecycle[i].NoncurrentDays; n > 0 && (days == 0 || n < days) {
			days = n
		}
	}
	return days
}

// Lapse says that the bucket's own lifecycle rule may have removed versions of a
// moment.
type Lapse struct {
	Days  int       // the rule removes what has not been current for this long
	Since time.Time // something of earlier moments may be gone
}

func (l *Lapse) String() string {
	return fmt.Sprintf("the storage's rule removes what has not been current for %s, so of moments before %s it may have removed something",
		days(l.Days), l.Since.UTC().Format(time.RFC3339))
}

// lapse reports whether the bucket's own lifecycle rule may have removed, by now,
// versions that were current at a past moment. It is nil if not, or if the credentials
// may not read the rule, as a host's may not. A saved state lists what must be there,
// so it needs no such doubt.
func (s *Store) lapse(ctx context.Context, bucket string, m Moment) (*Lapse, error) {
	if m.StateKey != "" {
		return nil, nil
	}
	return (&ownRule{s: s, bucket: bucket}).lapse(ctx, m.At), ctx.Err()
}

func (r *ownRule) lapse(ctx context.Context, at time.Time) *Lapse {
	now := r.s.now()
	if at.After(now.Add(-Day)) {
		return nil // no rule removes within a day
	}
	l := r.of(ctx)
	if l == nil {
		return nil
	}
	lapse := &Lapse{Days: l.shortest(), Since: now.Add(-time.Duration(l.shortest()) * Day)}
	if !at.Before(lapse.Since) {
		return nil
	}
	return lapse
}
