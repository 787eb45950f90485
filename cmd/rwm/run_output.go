package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
)

// onRunEvent shows a backup run.
func (a *app) onRunEvent(ev rwm.Event) {
	switch ev := ev.(type) {
	case rwm.Warning:
		a.warning(ev.Text)
	case rwm.StepStarted:
		if ev.Step == rwm.StepBackup {
			a.say("== %s", ev.Name)
		} else {
			a.say("== %s", ev.Step)
		}
	case rwm.HookStarted:
		a.say("-- %s: %s", ev.Phase, ev.Program())
	case rwm.Waiting:
		a.waits(ev.What, ev.Err)
	case rwm.RepositoryEvent:
		switch ev.Step {
		case rwm.StepBackup:
			backupOutput{a, ev.Name}.onEvent(ev.Event)
		case rwm.StepRetention:
			a.onForgetEvent(ev.Event)
		default:
			a.onEvent(ev.Event)
		}
	case rwm.StateEvent:
		a.onStorageEvent(ev.Event)
	case rwm.StepSkipped:
		a.warning(string(ev.Step) + " is left out: " + ev.Reason)
	case rwm.StepFinished:
		a.bar.end()
		a.showStep(ev.Row)
	}
}

func (a *app) showStep(row rwm.Row) {
	if row.Backup != nil {
		backupOutput{a, row.Name}.summary(row.Backup)
	}
	if row.Forget != nil {
		a.say("removed %s%s", count(len(row.Forget.Removed), "snapshot"), byHost(row.RemovedByHost()))
		if row.Forget.Prune != nil {
			a.say("pruned %s", formatBytes(row.Forget.Prune.FreedBytes()))
		}
	}
	if row.State != nil {
		a.say("saved %s version %s", row.State.Key, row.State.VersionID)
	}
	if row.Err != nil && !a.cli.JSON {
		a.warn("rwm: %s: %s", rowTitle(row), rowFailure(row))
		if h := hint(row.Err); h != "" {
			a.warn("     %s", h)
		}
	}
	a.say("")
}

// byHost says which hosts lost how many snapshots: the retention is for all of the
// repository unless retention_scope says otherwise.
func byHost(counts map[string]int) string {
	var parts []string
	for _, host := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d of host %s", counts[host], printable(host)))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// jsonRow is a row of the result. Name is what the Python RWM called it; a backup may
// be called the same, so it is step that tells them apart.
type jsonRow struct {
	Step       rwm.Step  `json:"step"`
	Name       string    `json:"name"`
	OK         bool      `json:"ok"`
	ReturnCode int       `json:"return_code"`
	Start      time.Time `json:"start"`
	Seconds    float64   `json:"duration"` // in seconds; docs/migration.md
	Error      string    `json:"error,omitempty"`

	SnapshotID       string         `json:"snapshot_id,omitempty"`
	RemovedSnapshots int            `json:"removed_snapshots,omitempty"`
	RemovedByHost    map[string]int `json:"removed_by_host,omitempty"`
	PrunedBytes      uint64         `json:"pruned_bytes,omitempty"`
	State            *jsonState     `json:"state,omitempty"`
}

// rowTitle names a step in messages.
func rowTitle(row rwm.Row) string {
	if row.Step == rwm.StepBackup {
		return row.Name
	}
	return string(row.Step)
}

// rowFailure says why a step failed. Of one that was interrupted that is no cause.
func rowFailure(row rwm.Row) string {
	text := failureText(row.Err)
	if restic.Interrupted(row.Err) {
		return interruptedText(row.Err, text)
	}
	return text
}

func (a *app) showReport(r *rwm.Report) {
	if a.cli.JSON {
		out := struct {
			MessageType string    `json:"message_type"`
			OK          bool      `json:"ok"`
			Rows        []jsonRow `json:"rows"`
		}{"report", r.OK(), []jsonRow{}}
		for _, row := range r.Rows {
			out.Rows = append(out.Rows, newJSONRow(row))
		}
		_ = a.emit(out)
		return
	}
	// A backup may be called like another step, so the last column tells them apart.
	g := &grid{header: []string{"NAME", "RESULT", "CODE", "START", "DURATION", "STEP"}, right: []int{2, 4}}
	for _, row := range r.Rows {
		g.add(printable(row.Name), yesNo(row.OK, "OK", "ERROR"), row.ReturnCode, formatTime(row.Start), seconds(row.Seconds).Round(10*time.Millisecond), row.Step)
	}
	a.show(g)
}

func newJSONRow(row rwm.Row) jsonRow {
	out := jsonRow{
		Step: row.Step, Name: row.Name, OK: row.OK, ReturnCode: row.ReturnCode,
		Start: row.Start, Seconds: row.Seconds,
	}
	if row.Err != nil {
		out.Error = rowFailure(row)
	}
	if row.Backup != nil && !row.Backup.SnapshotID.IsZero() {
		out.SnapshotID = row.Backup.SnapshotID.String()
	}
	if row.Forget != nil {
		out.RemovedSnapshots, out.RemovedByHost = len(row.Forget.Removed), row.RemovedByHost()
		if row.Forget.Prune != nil {
			out.PrunedBytes = row.Forget.Prune.FreedBytes()
		}
	}
	if row.State != nil {
		state := newJSONState(*row.State)
		out.State = &state
	}
	return out
}

// warning is something to look at that does not stop the run.
func (a *app) warning(text string) {
	if a.cli.JSON {
		a.warn("%s", text)
		return
	}
	a.warn("rwm: warning: %s", text)
}

// onStorageEvent shows the progress of what is done to a whole bucket.
func (a *app) onStorageEvent(ev s3state.Event) {
	switch ev := ev.(type) {
	case s3state.ListProgress:
		a.count("versions listed", ev.Entries, 0)
	case s3state.DeleteProgress:
		a.count("versions removed", ev.Deleted, 0)
	case s3state.CopyProgress:
		a.count("objects copied", ev.Objects, ev.TotalObjects)
	case s3state.RenewProgress:
		a.count(yesNo(ev.ProvingLocks, "locks proved", "versions looked at"), ev.Done, ev.Total)
	case s3state.StepDone:
		a.detail("%s: done", ev.Step)
	case s3state.Retry:
		a.warn("%s failed, attempt %d follows: %v", ev.What, ev.Attempt, ev.Err)
	}
}
