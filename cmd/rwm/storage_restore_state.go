package main

import (
	"time"

	"github.com/cesnet/rwm/s3state"
)

type storageRestoreStateCmd struct {
	Source       string `arg:"" help:"Bucket the state was saved in."`
	Target       string `arg:"" help:"Bucket to make and to restore into."`
	StateKey     string `arg:"" help:"Key of the saved state, as rwm storage-info shows it."`
	StateVersion string `arg:"" id:"" help:"Version id of the saved state."`
}

func (storageRestoreStateCmd) Help() string {
	return `Makes TARGET and copies into it, on the server, what was current when the state was saved. Every version is checked before the first is copied: what is missing is listed and nothing is made. If the copying is interrupted, the same command goes on where it stopped.

  rwm storage-info backups
  rwm storage-restore-state backups rescue rwm/state_2026-11-22T03:10:04.123456+01:00.json.gz VERSION`
}

func (c storageRestoreStateCmd) Run(a *app) error {
	m, err := a.manager(nil)
	if err != nil {
		return err
	}
	r, err := m.Storage().Restore(a.ctx, s3state.RestoreOptions{
		Source: c.Source, Target: c.Target, StateKey: c.StateKey, StateVersion: c.StateVersion, OnEvent: a.onStorageEvent,
	})
	a.bar.end()
	a.showBatch(err)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(jsonRestoredState{
			Source: r.Source, Target: r.Target, StateKey: r.StateKey, StateVersion: r.StateVersion, StateTime: r.StateTime,
			Objects: r.Objects, Bytes: r.Bytes, Copied: r.Copied, Skipped: r.Skipped, ETagUnchecked: r.ETagUnchecked,
			TargetUser: r.TargetUser, Duration: r.Duration.Seconds(),
		})
	}
	a.say("restored the state of %s into bucket %s: %d objects (%s), %d copied, %d there already, in %s",
		formatTime(r.StateTime), r.Target, r.Objects, formatBytes(r.Bytes), r.Copied, r.Skipped, formatDuration(r.Duration))
	a.say("target user %s", r.TargetUser)
	return nil
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
	Duration      float64   `json:"duration"` // seconds
}
