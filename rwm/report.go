package rwm

import (
	"context"
	"errors"
	"fmt"
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

// Row is the result of one step.
type Row struct {
	Step       Step
	Name       string // the backup's name; for the other steps the step's
	OK         bool
	ReturnCode int // 0, a failed hook's return code, or one of restic's
	Start      time.Time
	Duration   time.Duration
	Err        error // why it is not OK

	// What the step did, nil for other steps and where it did not come so far.
	Backup *restic.BackupResult
	Forget *restic.ForgetResult
	State  *s3state.SavedState
}

// Report is the result of a backup run, one row for every step it came to.
type Report struct{ Rows []Row }

// OK says whether every step succeeded.
func (r *Report) OK() bool { return r.Err() == nil }

// ReturnCode is that of the first row that failed, 0 if none did.
func (r *Report) ReturnCode() int {
	for _, row := range r.Rows {
		if !row.OK {
			return row.ReturnCode
		}
	}
	return 0
}

// Err is nil if every step succeeded, else a [*RunError].
func (r *Report) Err() error {
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

// RunError says which steps of a run failed. It wraps their errors.
type RunError struct {
	Failed []Row // at least one
	Steps  int   // how many steps there were
}

func (e *RunError) Error() string {
	first := e.Failed[0]
	text := fmt.Sprintf("%d of %d steps failed: %s: %v", len(e.Failed), e.Steps, first.Name, first.Err)
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

// ExitCode is the exit status a program should end with after err: 0 for nil, 130
// if it was interrupted, the first failed step's return code after a run, 11 if another run holds the lock,
// 2 for a configuration error or an unknown backup, and otherwise as
// [restic.ExitCode] (1, 3, 10, 11, 12).
func ExitCode(err error) int {
	var run *RunError
	var hook *HookError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return 130
	case errors.As(err, &run):
		return run.Failed[0].ReturnCode
	case errors.As(err, &hook):
		return hook.Code
	case errors.Is(err, ErrRunLocked):
		return 11
	case errors.Is(err, ErrConfig), errors.Is(err, ErrUnknownBackup):
		return 2
	}
	return restic.ExitCode(err)
}
