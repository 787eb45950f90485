package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageRenewCmd struct {
	Bucket     string `arg:"" help:"Name of the bucket."`
	All        bool   `help:"Prove the lock of every version, not only of metadata and of 459 packs."`
	KeepStates int    `help:"Keep the newest N confirmed states restorable, too; -1 for all." placeholder:"N"`
	KeepWithin string `help:"Keep everything that was current within DURATION restorable, too." placeholder:"DURATION"`
	Freeze     string `help:"Renew everything in the bucket, including deleted objects, for this reason." placeholder:"REASON"`
	lockFlags
	Ledger string `help:"File with the record of renewals; by default in the user's cache directory." placeholder:"FILE" predictor:"file"`
}

func (storageRenewCmd) Help() string {
	return `Extends the locks of needed objects that have less than --lock plus half the grace left.
Run it once a day, with the keeper's or the admin's credentials; docs/worm.md explains.

All current objects are needed. If anything in the bucket is suspicious, everything is
renewed, including deleted objects, until the cause is dealt with. With the repository's
password in the configuration, more of what is suspicious is found.

  rwm --config keeper.conf storage-renew backups

The exit code is 1 if a lock could not be renewed.`
}

func (c storageRenewCmd) options() (opts s3state.RenewOptions, err error) {
	opts = s3state.RenewOptions{All: c.All, KeepStates: c.KeepStates, Freeze: c.Freeze}
	if c.KeepWithin != "" {
		if opts.KeepWithin, err = keepSpan(c.KeepWithin); err != nil {
			return opts, usageError{fmt.Errorf("--keep-within: %w", err)}
		}
	}
	opts.Lock, err = c.lockFlags.options("compliance")
	return opts, err
}

func (c storageRenewCmd) Run(a *app) (err error) {
	opts, err := c.options()
	if err != nil {
		return err
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	if opts.Ledger, err = openLedger(m, c.Bucket, c.Ledger); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opts.Ledger.Close()) }()
	r, err := a.renew(a.ctx, m, c.Bucket, opts)
	a.showBatch(err)
	a.showRenewed(r)
	return err
}

// openLedger opens the record of a bucket's renewals; file is "" for the one in the
// cache directory.
func openLedger(m *rwm.Manager, bucket, file string) (*s3state.RenewLedger, error) {
	if file == "" {
		var err error
		if file, err = m.RenewLedgerPath(bucket); err != nil {
			return nil, fmt.Errorf("%w; nothing was changed", err)
		}
	}
	return s3state.OpenRenewLedger(file)
}

// renew renews locks, with the ledger of the options.
func (a *app) renew(ctx context.Context, m *rwm.Manager, bucket string, opts s3state.RenewOptions) (*s3state.RenewResult, error) {
	opts.OnEvent = a.onStorageEvent
	defer a.bar.end()
	return m.RenewLocks(ctx, bucket, opts)
}

// showRenewed shows what came of a renewal, if anything was to be renewed.
func (a *app) showRenewed(r *s3state.RenewResult) {
	if r == nil || r.Needed == 0 {
		return
	}
	if a.cli.JSON {
		_ = a.emit(struct {
			*s3state.RenewResult
			Kept bool `json:"kept"`
		}{r, r.Kept()})
		return
	}
	if r.Frozen != "" {
		a.warning(printable("everything is kept locked, deleted objects too: " + r.Frozen))
	}
	for _, text := range r.Problems {
		a.warning(printable(text))
	}
	a.say("needed: %s (%s): %d renewed, %d locked long enough, %d younger than a minute, %d failed, in %s",
		count(r.Needed, "version"), formatBytes(r.Bytes), r.Renewed, r.Known+r.Longer, r.Young, r.Failed, formatSeconds(r.Seconds))
	if r.Known > 0 {
		a.say("the locks of %d of the %d not renewed now were proved%s", r.Proved, r.Known, yesNo(r.Sampled, " (all metadata, a sample of packs)", ""))
	}
	switch {
	case r.Floor.IsZero() && r.Failed > 0:
		a.warning("some of what is needed is not locked")
	case r.Floor.IsZero():
	case r.Kept():
		a.say("all that is needed is locked until %s", formatZoned(r.Floor))
	default:
		a.warning(fmt.Sprintf("all that is needed is locked until %s only, not for %s", r.Floor.In(time.Local).Format(time.RFC3339), count(r.Days, "day")))
	}
}
