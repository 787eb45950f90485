package s3state

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

const lockPrefix = "locks/"

// lockRule is a lifecycle rule that removes versions of locks when they have not been
// current for a number of days.
type lockRule struct {
	days  int
	until time.Time // when it last may have run
}

// reclaimed reports whether a rule may have removed, by now, a lock that was deleted at
// a time in milliseconds.
func (e *lockEvidence) reclaimed(at int64) bool {
	for _, r := range e.rules {
		if !time.UnixMilli(at).Add(time.Duration(r.days) * Day).After(r.until) {
			return true
		}
	}
	return false
}

// lockRules finds the rules that may have removed locks of which only the delete marker
// is left: the bucket's rules, and what is known of former ones. If the caller may not
// read them (a host may not), there may be a rule of one day, the shortest there is.
func (s *Store) lockRules(ctx context.Context, bucket string, h *timeline, known *KnownSettings) error {
	if !h.evidence.asksForRules() && len(h.keysGone) == 0 {
		return nil
	}
	return s.readLockRules(ctx, bucket, h, known)
}

// readLockRules is lockRules, but always reads them. It asks once.
func (s *Store) readLockRules(ctx context.Context, bucket string, h *timeline, known *KnownSettings) error {
	e := &h.evidence
	if e.asked {
		return nil
	}
	e.asked = true
	if known == nil && s.settingsKnown != nil {
		known = s.settingsKnown(bucket)
	}
	if known != nil && known.LocksKept > 0 {
		e.rules = append(e.rules, lockRule{known.LocksKept, known.LocksKeptUntil})
	}
	l := &Lock{}
	var err error
	now := later(s.now(), h.newest)
	switch l.Lifecycle, err = s.Lifecycle(ctx, bucket); {
	case err == nil:
	case s3err.Status(err) == http.StatusForbidden && !errors.Is(s3err.Classify(err), ErrCredentials):
		e.rules = append(e.rules, lockRule{1, now})
		return nil
	default:
		return err
	}
	if s.promised != nil {
		l.hold(s.promised(bucket))
	}
	for i := range l.Lifecycle {
		r := &l.Lifecycle[i]
		// A lock that was deleted is the newest that is not current.
		if r.NoncurrentDays > 0 && r.NewerNoncurrent == 0 && concernsLocks(r.Prefix) {
			e.rules = append(e.rules, lockRule{r.NoncurrentDays, now})
		}
	}
	return nil
}

func concernsLocks(prefix string) bool {
	return strings.HasPrefix(prefix, lockPrefix) || strings.HasPrefix(lockPrefix, prefix)
}

var (
	noncurrentDays = regexp.MustCompile(`\bNoncurrentDays=(\d{1,6})\b`)
	sparesNewer    = regexp.MustCompile(`\bNewerNoncurrentVersions=[1-9]`)
	rulePrefix     = regexp.MustCompile(`\bPrefix=([^ }]+)`)
)

// lockDays is the number of days after which one of the rules, as [KnownSettings] has
// them, removes locks that are not current; 0 for never.
func lockDays(rules []string) (days int) {
	for _, text := range rules {
		n := noncurrentDays.FindStringSubmatch(text)
		if n == nil || !strings.Contains(text, "Status=Enabled") || sparesNewer.MatchString(text) {
			continue
		}
		if p := rulePrefix.FindStringSubmatch(text); p != nil && !concernsLocks(p[1]) {
			continue
		}
		if d, _ := strconv.Atoi(n[1]); d > 0 && (days == 0 || d < days) {
			days = d
		}
	}
	return days
}

// takeLockRule remembers rules that may have removed locks until now.
func (k *KnownSettings) takeLockRule(rules []string, now time.Time) {
	if d := lockDays(rules); d > 0 {
		if k.LocksKept == 0 || d < k.LocksKept {
			k.LocksKept = d
		}
		k.LocksKeptUntil = now
	}
}
