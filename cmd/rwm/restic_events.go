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
	case restic.Retrying:
		a.warn("%s failed, retrying after %v: %v", ev.Operation, ev.After, ev.Err)
	}
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
