package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
)

// The exit codes of every command. 0, 1, 3, 10, 11, 12 and 130 are restic's, with
// its meaning; `rwm restic` also ends with 1 where restic does on a wrong command
// line. `rwm aws` passes on the exit code of the AWS CLI.
const (
	exitOK            = 0
	exitFailure       = 1
	exitUsage         = 2
	exitIncomplete    = 3
	exitNoRepository  = 10
	exitLocked        = 11
	exitWrongPassword = 12
	exitInterrupted   = 130
	exitBrokenPipe    = 141
)

// exitCodes is the table as the help text prints it.
const exitCodes = `Exit codes:
  0    success
  1    it failed: the error on stderr says what, and what was left untouched;
       also what needs file data on a sealed host
  2    wrong command line or configuration: nothing was started
  3    incomplete: a snapshot was made, but some files could not be read;
       or nothing wrong was found, but nothing was proved
  10   there is no such bucket, or no repository at the configured place
  11   the repository is locked, or another backup run is under way on this host
  12   wrong repository password
  130  interrupted by Ctrl-C or SIGTERM, everything unlocked
  141  the program reading the output went away`

// exitError ends the program with a code of its own, e.g. that of a program run.
type exitError struct {
	code int
	err  error // nil: nothing more to say
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usageCode is 1 under `rwm restic`, as for restic, and 2 elsewhere.
func usageCode(args []string) int {
	if commandName(args) == "restic" {
		return exitFailure
	}
	return exitUsage
}

func (a *app) exitCode(err error) int {
	var own *exitError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own) && own.code == exitOK:
		return exitOK // Ctrl-C is the way to end a mount
	case errors.Is(context.Cause(a.ctx), errInterrupted):
		return exitInterrupted // even if something else failed: a command run for its output dies of the same Ctrl-C
	case errors.As(err, &own):
		return own.code
	case errors.Is(context.Cause(a.ctx), errBrokenPipe):
		return exitBrokenPipe
	case errors.As(err, &usage):
		return a.usageCode
	case errors.As(err, new(*s3tool.PartialError)):
		return exitFailure
	case errors.Is(err, keeper.ErrUnknownStorage), errors.Is(err, keeper.ErrUnknownAlarm):
		return exitUsage
	}
	code := rwm.ExitCode(err)
	if code == exitUsage && errors.Is(err, s3state.ErrInvalid) {
		return a.usageCode
	}
	return code
}
