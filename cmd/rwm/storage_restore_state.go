package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

type storageRestoreStateCmd struct {
	Source          string `arg:"" help:"Bucket the state was saved in."`
	Target          string `arg:"" help:"New bucket, or a local directory (a path containing /)."`
	StateKey        string `arg:"" optional:"" help:"Key of the saved state, as rwm storage-info shows it."`
	StateVersion    string `arg:"" optional:"" id:"" help:"Version id of the saved state."`
	At              string `help:"Restore the bucket as of a time: 2026-11-01T12:00:00+01:00, '2026-11-01 12:00' (local) or '2h ago'." placeholder:"TIME"`
	TargetUser      string `help:"User who gets the host's access to TARGET (name or ARN), if source and state name different ones." placeholder:"NAME"`
	AllowUnverified bool   `help:"Restore a state even if the version history contradicts it."`
	lockFlags
	keeperFlag
}

func (storageRestoreStateCmd) Help() string {
	return `Makes TARGET and copies into it, on the server, what was current when the state was
saved or at the time given. First a state is compared with the version history and every
version is checked: if any is missing, it is listed and nothing is made.

After an interruption, run the same command again to continue where it stopped.

A TARGET with a / in it is a directory of this host: it becomes a restic repository, and
every object is verified as it is written.

  rwm storage-info backups
  rwm storage-restore-state backups rescue rwm/state_2026-11-22T03:10:04.123456+01:00.json.gz VERSION
  rwm storage-restore-state backups rescue --at '2026-11-01 12:00'
  rwm storage-restore-state backups ./rescue --at '2h ago'

To get a few files, no copy is needed: rwm restic --at TIME restore.`
}

func (c storageRestoreStateCmd) moment() (s3state.Moment, error) {
	switch {
	case c.At != "" && c.StateKey != "":
		return s3state.Moment{}, usageError{errors.New("a state and --at cannot be used together: choose one")}
	case c.At == "" && (c.StateKey == "" || c.StateVersion == ""):
		return s3state.Moment{}, usageError{errors.New("give the key and the version id of a saved state, or --at TIME; `rwm storage-info BUCKET` shows the states, `rwm storage-history BUCKET` the times")}
	case c.At != "":
		at, err := rwm.ParseTime(c.At, time.Now())
		if err != nil {
			return s3state.Moment{}, usageError{err}
		}
		return s3state.Moment{At: at}, nil
	}
	return s3state.Moment{StateKey: c.StateKey, StateVersion: c.StateVersion}, nil
}

func (c storageRestoreStateCmd) Run(a *app) error {
	moment, err := c.moment()
	if err != nil {
		return err
	}
	lock, err := c.lockFlags.options("compliance")
	if err != nil {
		return err
	}
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	if strings.ContainsAny(c.Target, `/\`) {
		if lock != nil || c.Keeper != "" {
			return usageError{errors.New("--lock and --keeper are for a bucket; a directory has neither")}
		}
		return a.download(m, c, moment)
	}
	r, err := m.Storage().Restore(a.ctx, s3state.RestoreOptions{
		Source: c.Source, Target: c.Target, Moment: moment,
		AllowUnverified: c.AllowUnverified, TargetUser: c.TargetUser, Lock: lock, Keeper: c.Keeper, OnEvent: a.onStorageEvent,
	})
	a.bar.end()
	a.showBatch(err)
	if err != nil {
		return err
	}
	a.sayLapse(r.Verification)
	if a.cli.JSON {
		return a.emit(jsonRestoredState{
			Source: r.Source, Target: r.Target, StateKey: r.Moment.StateKey, StateVersion: r.Moment.StateVersion, StateTime: r.StateTime,
			Objects: r.Objects, Bytes: r.Bytes, Copied: r.Copied, Skipped: r.Skipped, ETagUnchecked: r.ETagUnchecked,
			TargetUser: r.TargetUser, Locks: r.Locks, LocksLeftOut: r.LocksLeftOut, Seconds: r.Seconds,
		})
	}
	a.say("restored the state of %s into bucket %s: %s (%s), %d copied, %d there already, in %s",
		formatZoned(r.StateTime), r.Target, count(r.Objects, "object"), formatBytes(r.Bytes), r.Copied, r.Skipped, formatSeconds(r.Seconds))
	if r.ETagUnchecked > 0 {
		a.say("only the size was compared of %s: the server's copies of multipart uploads have another ETag", count(r.ETagUnchecked, "object"))
	}
	if v := r.Verification; v != nil && v.StatesGone > 0 {
		a.say("%d saved states that it names no longer exist and were left out", v.StatesGone)
	}
	a.sayLocks(r.Locks, r.LocksLeftOut)
	a.say("target user %s", printable(r.TargetUser))
	if r.Keeper != "" {
		a.say("keeper %s", printable(r.Keeper))
	}
	if lock != nil {
		a.say("locked: what is in it at any moment can be restored for %s; run %s once a day", count(lock.Days, "more day"), renewal(r.Target, r.Keeper))
		if r.LockProof != nil && r.LockProof.Gap != "" {
			a.warning(r.LockProof.Gap)
		}
	}
	return nil
}

// sayLocks says what became of the repository's locks.
func (a *app) sayLocks(copied, leftOut int64) {
	if leftOut > 0 {
		a.say("%s of that time left out: nothing holds them there", count(leftOut, "lock"))
	}
	if copied > 0 {
		a.warning(fmt.Sprintf("%s copied that nothing holds there: check and prune need `rwm restic unlock --remove-all` first", count(copied, "lock")))
	}
}

// sayLapse warns that the bucket's own lifecycle rule may have removed versions of a
// moment.
func (a *app) sayLapse(v *s3state.Verification) {
	if v != nil && v.Lapse != nil {
		a.warning(v.Lapse.String())
	}
}

type jsonRestoredState struct {
	Source        string    `json:"source"`
	Target        string    `json:"target"`
	StateKey      string    `json:"state_key"`
	StateVersion  string    `json:"state_version"`
	StateTime     time.Time `json:"state_time"`
	Objects       int64     `json:"objects"`
	Bytes         int64     `json:"bytes"`
	Copied        int64     `json:"copied"`
	Skipped       int64     `json:"skipped"`
	ETagUnchecked int64     `json:"etag_unchecked"`
	TargetUser    string    `json:"target_user"`
	Locks         int64     `json:"locks"`
	LocksLeftOut  int64     `json:"locks_left_out"`
	Seconds       float64   `json:"seconds"` // how long it took
}

func (a *app) download(m *rwm.Manager, c storageRestoreStateCmd, moment s3state.Moment) error {
	r, err := m.Storage().Download(a.ctx, s3state.DownloadOptions{
		Source: c.Source, Moment: moment, Dir: c.Target, AllowUnverified: c.AllowUnverified, OnEvent: a.onStorageEvent,
	})
	a.bar.end()
	a.showBatch(err)
	if err != nil {
		return err
	}
	a.sayLapse(r.Verification)
	if a.cli.JSON {
		return a.emit(map[string]any{
			"source": r.Source, "directory": r.Dir, "objects": r.Objects, "bytes": r.Bytes, "downloaded": r.Downloaded,
			"skipped": r.Skipped, "verified": r.Hashed, "locks": r.Locks, "locks_left_out": r.LocksLeftOut, "seconds": r.Seconds,
		})
	}
	a.say("restored bucket %s into the directory %s: %s (%s), %d brought, %d there already, %d verified by their hashes, in %s",
		r.Source, r.Dir, count(r.Objects, "object"), formatBytes(r.Bytes), r.Downloaded, r.Skipped, r.Hashed, formatSeconds(r.Seconds))
	a.sayLocks(r.Locks, r.LocksLeftOut)
	a.say("look into it with: %s restic -r %s snapshots", a.command(), shellQuote(r.Dir))
	return nil
}
