package main

import (
	"fmt"

	"github.com/cesnet/rwm/restic"
)

// onEvent shows the events that all operations have in common.
func (a *app) onEvent(ev restic.Event) {
	switch ev := ev.(type) {
	case restic.Progress:
		a.showProgress(ev)
	case restic.Message:
		if ev.Level == 0 && !a.cli.JSON {
			a.println(ev.Text)
		} else {
			a.sayAt(ev.Level-1, "%s", ev.Text)
		}
	case restic.Warning:
		text := ev.Text
		if ev.Err != nil {
			text += ": " + ev.Err.Error()
		}
		a.warn("%s", text)
	case restic.Waiting:
		a.waits(ev.What, ev.Err)
	case restic.BucketMade:
		a.warning("made bucket " + ev.Bucket + ", which KEEPS NO VERSIONS and has no policy: an attacker on this host can destroy every backup in it; " +
			"for backups that survive that, the admin makes a policed bucket (rwm storage-create); " +
			"to keep versions at least: `rwm aws s3api put-bucket-versioning --bucket " + ev.Bucket + " --versioning-configuration Status=Enabled`")
	case restic.Retrying:
		a.warn("%s failed, retrying after %v: %v", ev.Operation, ev.After, ev.Err)
	}
}

// waits says what takes long, and why as far as it is known.
func (a *app) waits(what string, cause error) {
	if cause == nil {
		cause = a.observed.LastFailure()
	}
	if cause == nil {
		a.warning(what + " takes long: the storage has not answered yet")
		return
	}
	a.warning(what + " takes long: " + cause.Error())
}

func (a *app) showProgress(p restic.Progress) {
	if a.cli.JSON {
		return
	}
	line := fmt.Sprintf("[%s] %s  %d / %d %s", formatDuration(p.Elapsed), formatPercent(p.Done, p.Total), p.Done, p.Total, p.Task)
	if p.Total == 0 {
		line = fmt.Sprintf("[%s]          %d %s", formatDuration(p.Elapsed), p.Done, p.Task)
	}
	if p.Final {
		a.bar.end()
		if p.Done > 0 {
			a.say("%s", line)
		}
		return
	}
	a.bar.set(p.Task, int64(p.Done), int64(p.Total), false, line)
}
