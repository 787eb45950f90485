package s3state

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Promise is what is known, apart from a bucket's settings, of how it is locked; see
// [WithPromise].
type Promise struct {
	Days       int // N
	RetainDays int // N+G
}

// WithPromise gives the Store what is known of the lock of a bucket besides its
// settings, as from the record of renewals. Who has stolen the admin's keys can shorten
// the rule that removes old versions; what only the shortened rule explains is not
// taken for reclaimed, but for missing. known is asked when something is missing, and
// returns zero if it knows nothing.
func WithPromise(known func(bucket string) Promise) Option {
	return func(s *Store) { s.promised = known }
}

// Reclaimable reports whether the storage's own rule may have removed a version by now,
// which tells "reclaimed" from "missing". v was seen to be current at the time current,
// such as that of a saved state that names it. It is conservative: a version that a
// renewal had locked for longer cannot be told from another.
func (l *Lock) Reclaimable(v *Version, current, now time.Time) bool {
	return l.reclaimable(v, current, now, math.MaxInt)
}

// reclaimable is Reclaimable for a version below so many newer ones of its key that are
// still there, of which a rule may leave some.
func (l *Lock) reclaimable(v *Version, current, now time.Time, newer int) bool {
	if l.Enabled && now.Before(v.LastModified.Add(l.Retention())) {
		return false
	}
	days := l.removesAfter(v.Key, newer)
	return days > 0 && !now.Before(current.Add(time.Duration(days)*Day))
}

// removesAfter is after how many days as no longer current a version of a key may be
// removed at the earliest, 0 for never.
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

// hold has the lock promise at least what p does: settings that promise less have been
// changed since.
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

// ownRule is how a bucket's own rule removes old versions. It is read when something is
// missing, not before.
type ownRule struct {
	s      *Store
	bucket string
	read   bool
	lock   *Lock // nil if the caller may not know
}

// of returns the bucket's lock, nil if it has no rule or that cannot be told: a host
// may not know. Then what is missing is missing.
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

// explainer says why an entry of a state may rightly be gone, if the rule accounts for
// it. replaced is when the oldest newer version of the key that is left was written,
// zero if none is; newer is how many are left.
type explainer func(o *entry, replaced time.Time, newer int) (why string, ok bool)

func (r *ownRule) explain(ctx context.Context, saved *SavedState) explainer {
	f := &ruleFor{rule: r, saved: saved}
	return func(o *entry, replaced time.Time, newer int) (string, bool) {
		return f.reclaimed(ctx, o, replaced, newer)
	}
}

// ruleFor is how the rule explains what one state names and the bucket lacks.
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

// lockedLonger is until when the state itself is locked, if that is for longer than the
// settings lock new versions: they have been shortened since, and what the state names
// was locked as long. In COMPLIANCE nobody can shorten that. (Or the state was renewed,
// and then what it names was, too.) It is zero if the settings are as they were.
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

// shortest is after how many days something no longer current is removed at the
// earliest, 0 for never.
func (l *Lock) shortest() (days int) {
	for i := range l.Lifecycle {
		if n := l.Lifecycle[i].NoncurrentDays; n > 0 && (days == 0 || n < days) {
			days = n
		}
	}
	return days
}

// Lapse tells that of a moment the storage's own rule may have removed versions.
type Lapse struct {
	Days  int       // the rule removes what has not been current for so many days
	Since time.Time // of moments before, something may be gone
}

func (l *Lapse) String() string {
	return fmt.Sprintf("the storage's rule removes what has not been current for %s, so of moments before %s it may have removed something",
		days(l.Days), l.Since.UTC().Format(time.RFC3339))
}

// lapse tells whether the storage's own rule may have removed, by now, versions that
// were current at a moment of the past; nil if not, or if the credentials may not read
// the rule, as those of a host. A saved state has a list of what must be there, so it
// needs no such doubt.
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
