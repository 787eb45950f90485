package rwm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Step is a kind of step of a backup run.
type Step string

// The steps of a run, in this order.
const (
	StepBackup    Step = "backup"    // one configured backup with its hooks
	StepRetention Step = "retention" // forget and prune
	StepState     Step = "state"     // saving the bucket's state
)

// Names of the rows that are not backups, as in the Python RWM. A backup may have the
// same name, so use Step to distinguish rows.
const (
	NameRetention = "_forget_prune"
	NameState     = "_storage_save_state"
)

// Row is the result of one step.
type Row struct {
	Step       Step
	Name       string // the backup's name, NameRetention or NameState
	OK         bool
	ReturnCode int // 0, a failed hook's exit code, or one of [ExitCode]'s
	Start      time.Time
	Seconds    float64 // how long it took
	Err        error   // why it is not OK

	// Results of the step; nil for other steps, and if the step failed before.
	Backup *restic.BackupResult
	Forget *restic.ForgetResult
	State  *s3state.SavedState
}

// title names the step in messages.
func (r Row) title() string {
	if r.Step == StepRetention || r.Step == StepState {
		return string(r.Step)
	}
	return r.Name
}

// RemovedByHost counts, for each host, the snapshots that the retention removed. It is
// nil for other steps.
func (r Row) RemovedByHost() map[string]int {
	if r.Forget == nil {
		return nil
	}
	counts := map[string]int{}
	for _, group := range r.Forget.Groups {
		for _, snapshot := range group.Remove {
			if slices.Contains(r.Forget.Removed, snapshot.ID) { // it could be removed
				counts[snapshot.Hostname]++
			}
		}
	}
	return counts
}

// Report is the result of a backup run, with one row for every step that it reached. A
// nil one, which a run returns that did not begin, is not OK.
type Report struct {
	Run  RunID
	Rows []Row
}

var errNoRun = errors.New("the run did not begin")

// OK reports whether every step succeeded.
func (r *Report) OK() bool { return r.Err() == nil }

// ReturnCode returns the exit code of the run, [ExitCode] of its error. It is never the
// exit code of a hook.
func (r *Report) ReturnCode() int { return ExitCode(r.Err()) }

// Err is nil if every step succeeded, else a [*RunError].
func (r *Report) Err() error {
	if r == nil {
		return errNoRun
	}
	var failed []Row
	for _, row := range r.Rows {
		if !row.OK {
			failed = append(failed, row)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &RunError{Failed: failed, Steps: len(r.Rows)}
}

// RunError reports the failed steps of a run. It wraps their errors.
type RunError struct {
	Failed []Row // at least one
	Steps  int   // how many steps there were
}

func (e *RunError) Error() string {
	if len(e.Failed) == 0 {
		return "a backup run failed"
	}
	first := e.Failed[0]
	text := fmt.Sprintf("%d of %d steps failed: %s: %v", len(e.Failed), e.Steps, first.title(), first.Err)
	if len(e.Failed) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(e.Failed)-1)
	}
	return text
}

// Unwrap gives the errors of the failed steps.
func (e *RunError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, row := range e.Failed {
		errs[i] = row.Err
	}
	return errs
}

// returnCode is what a row shows: the code of a failed hook, else ours.
func returnCode(err error) int {
	var hook *HookError
	if errors.As(err, &hook) {
		return hook.Code
	}
	return ExitCode(err)
}

// ExitCode returns the exit status a program should end with after err: 0 for nil, 130
// if the context was cancelled or its deadline has passed, the status of the first
// failed step after a run, 1 for a failed hook whatever its own code, 11 if another run
// holds the lock, 2 for a configuration error, an unknown backup or an invalid argument
// (s3state.ErrInvalid), and otherwise as [restic.ExitCode] (1, 3, 10, 11, 12).
func ExitCode(err error) int {
	var run *RunError
	switch {
	case err == nil:
		return 0
	case restic.Interrupted(err):
		return 130
	case errors.As(err, &run):
		return max(1, ExitCode(run.Failed[0].Err))
	case errors.Is(err, ErrHook):
		return 1 // its own could be taken for one of ours
	case errors.Is(err, ErrRunLocked):
		return 11
	case errors.Is(err, ErrConfig), errors.Is(err, ErrUnknownBackup):
		return 2
	case errors.Is(err, s3state.ErrInvalid) && !errors.As(err, new(*s3state.StepError)) && !errors.As(err, new(*s3state.BatchError)):
		return 2 // the argument of a call that has done nothing
	}
	return restic.ExitCode(err)
}
