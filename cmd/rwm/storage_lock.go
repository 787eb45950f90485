package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// lockFlags say how a bucket is locked.
type lockFlags struct {
	Lock      string `help:"Keep every moment restorable for this many days (whole days)." placeholder:"30d"`
	LockGrace string `help:"Extra lock time; renew the locks within half of it. Default: a third of --lock, at least two days." placeholder:"10d"`
}

// keeperFlag names the third identity.
type keeperFlag struct {
	Keeper string `help:"User who may also read versions and extend their locks: a name in the admin's tenant, or an ARN." placeholder:"USER"`
}

// options are nil without --lock.
func (f lockFlags) options(mode string) (*s3state.LockOptions, error) {
	if f.Lock == "" {
		switch {
		case f.LockGrace != "":
			return nil, usageError{errors.New("--lock-grace needs a lock: give --lock, too")}
		case mode == "governance":
			return nil, usageError{errors.New("--lock-mode needs a lock: give --lock, too")}
		}
		return nil, nil
	}
	days, err := wholeDays("--lock", f.Lock)
	if err != nil {
		return nil, err
	}
	o := &s3state.LockOptions{Days: days, Mode: s3state.LockMode(strings.ToUpper(mode))}
	if f.LockGrace != "" {
		o.GraceDays, err = wholeDays("--lock-grace", f.LockGrace)
	}
	return o, err
}

var bareM = regexp.MustCompile(`(?i)[0-9]\s*m([^a-z]|$)`)

// keepSpan reads how far back something is kept. What is older is lost, so the m that
// is a minute here and a month in restic's durations is refused.
func keepSpan(text string) (time.Duration, error) {
	if bareM.MatchString(text) {
		return 0, fmt.Errorf("%q: m is a minute here and a month in restic's --keep-within: write min, or days such as 180d", text)
	}
	return rwm.ParseSpan(text)
}

func wholeDays(flag, text string) (int, error) {
	d, err := rwm.ParseSpan(text)
	if err != nil {
		return 0, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	if d < 24*time.Hour || d%(24*time.Hour) != 0 {
		return 0, usageError{fmt.Errorf("%s: %q is not a number of whole days, such as 30d", flag, text)}
	}
	return int(d / (24 * time.Hour)), nil
}

// sayLocked prints a bucket's lock, if it has one. keeper is a principal, "" without
// one.
func (a *app) sayLocked(bucket, keeper string, l *s3state.Lock, proof *s3state.LockProof) {
	if l == nil {
		return
	}
	a.say("locked (%s): what is in it at any moment can be restored for another %s; new versions are locked for %s", l.Mode, count(l.Days, "day"), count(l.RetainDays, "day"))
	if proof != nil {
		a.say("tried out: the admin could not %s", strings.Join(proof.Refused, ", nor "))
		if proof.Gap != "" {
			a.warning(proof.Gap)
		}
		if proof.Left != "" {
			a.say("the object it was tried on is left, hidden, for lifecycle to remove: %s", printable(proof.Left))
		}
	}
	for _, text := range l.Problems {
		a.warning(printable(text))
	}
	grace := l.RetainDays - l.Days
	a.say("run %s once a day; locks that are not renewed for %s fall short of the promised %s", renewal(bucket, keeper), formatDays(grace), count(l.Days, "day"))
}

// renewal is the command that renews the locks of a bucket: where there is a keeper, it
// is the keeper's, and the admin's keys are for no daily job.
func renewal(bucket, keeper string) string {
	if keeper == "" {
		return fmt.Sprintf("`rwm storage-renew %s`", printable(bucket))
	}
	return fmt.Sprintf("rwm --config KEEPER.conf storage-renew %s", printable(bucket))
}

// formatDays is half of a number of days.
func formatDays(twice int) string {
	if twice%2 == 0 {
		return count(twice/2, "day")
	}
	return fmt.Sprintf("%d.5 days", twice/2)
}

type storageLockCmd struct {
	Bucket string `arg:"" help:"Name of the bucket."`
	lockFlags
	keeperFlag
	lockModeFlag
}

func (storageLockCmd) Help() string {
	return `Run with the admin's credentials. Gives a policed bucket object lock, a default
retention and a lifecycle rule, tests the lock, and locks what is in the bucket. If the
server can lock only new buckets, it changes nothing and explains how to move to one.

  rwm --config admin.conf storage-lock backups --lock 30d --keeper keeper1

A different --lock changes the promise from then on; existing locks stay.`
}

func (c storageLockCmd) Run(a *app) (err error) {
	if c.Lock == "" {
		return usageError{errors.New("how long to lock is missing: give --lock, such as --lock 30d")}
	}
	lock, err := c.options(c.LockMode)
	if err != nil {
		return err
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	renew := s3state.RenewOptions{Lock: lock}
	// Before anything is changed: what is locked has to be renewed.
	if renew.Ledger, err = openLedger(m, c.Bucket, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, renew.Ledger.Close()) }()
	var renewed *s3state.RenewResult
	r, err := m.Storage().LockBucket(a.ctx, c.Bucket, s3state.LockBucketOptions{
		Lock: *lock, Keeper: c.Keeper, OnEvent: a.onStorageEvent, Renew: func(ctx context.Context) (err error) {
			renewed, err = a.renew(ctx, m, c.Bucket, renew)
			return err
		},
	})
	a.showBatch(err)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		out := map[string]any{"bucket": r.Bucket, "keeper": r.Keeper, "lock": r.Lock}
		if len(r.KeptRules) > 0 {
			out["kept_rules"] = r.KeptRules
		}
		if r.LockProof != nil {
			out["lock_refused"], out["lock_gap"] = r.LockProof.Refused, r.LockProof.Gap
		}
		_ = a.emit(out)
	} else {
		if r.Keeper != "" {
			a.say("keeper %s", printable(r.Keeper))
		}
		a.sayLocked(r.Bucket, r.Keeper, r.Lock, r.LockProof)
		for _, rule := range r.KeptRules {
			a.say("a lifecycle rule of others stays: %s", printable(rule))
		}
		if r.Lapses {
			a.say("moments more than %s ago can no longer be restored: lifecycle removes what has not been current for that long", count(r.Lock.Days, "day"))
		}
	}
	a.showRenewed(renewed)
	return nil
}

// lockOf proves how a bucket is locked; nil if it is not, or the credentials, as a
// host's, may not know.
func (a *app) lockOf(m *rwm.Manager, bucket string) (*s3state.LockFloor, error) {
	f, err := m.Storage().LockFloor(a.ctx, bucket, s3state.FloorOptions{OnEvent: a.onStorageEvent})
	a.bar.end()
	switch {
	case errors.Is(err, s3state.ErrAccessDenied):
		return nil, nil
	case err != nil:
		return nil, err
	case !f.Lock.Enabled && len(f.Reclaim) == 0:
		return nil, nil
	}
	return f, nil
}

func (a *app) showLock(f *s3state.LockFloor, keeper string, renewed s3state.FloorProof) {
	if f == nil {
		return
	}
	if l := f.Lock; l.Enabled {
		if l.Mode == "" {
			a.field("Lock", "enabled, but new versions are not locked")
		} else {
			a.field("Lock", fmt.Sprintf("%s, promises %s, locks new versions for %d", l.Mode, count(l.Days, "day"), l.RetainDays))
		}
		for _, text := range l.Problems {
			a.field("  problem", printable(text))
		}
		switch {
		case f.Proved == 0:
		case f.Unlocked > 0:
			a.field("Locked until", a.paint("FAILED")+fmt.Sprintf(": %d of %d proved are not locked, such as %s", f.Unlocked, f.Proved, printable(f.Lowest)))
		default:
			a.field("Locked until", formatZoned(f.Floor)+yesNo(f.Kept(), "", a.suggestion(", less than is promised: run "+renewal(f.Bucket, keeper))))
		}
		a.field("  proved now", fmt.Sprintf("%d of %d needed%s", f.Proved, f.Needed, yesNo(f.Sampled, ", all metadata and a sample of packs", "")))
		switch {
		case renewed.Time.IsZero():
			a.field("  last renewal", "not known on this machine")
		case renewed.Floor.IsZero() && renewed.Failed == 0:
			a.field("  last renewal", formatZoned(renewed.Time)+": all that is needed was just written, and locked by that")
		case renewed.Floor.IsZero():
			a.field("  last renewal", formatZoned(renewed.Time)+": not all that is needed was locked")
		default:
			a.field("  last renewal", formatZoned(renewed.Time)+": all that is needed locked until "+formatZoned(renewed.Floor))
		}
		if f.Longer > 0 {
			a.field("  note", fmt.Sprintf("locked for more than twice as long as new ones, by their writer: %s", count(f.Longer, "object")))
		}
	}
	for _, r := range f.Reclaim {
		a.field("Lifecycle removes", fmt.Sprintf("within %s %s (%s), those that are locked later", count(r.Days, "day"), count(r.Versions, "version"), formatBytes(r.Bytes)))
	}
}
