package restic

import (
	"context"
	"errors"

	"github.com/cesnet/rwm/internal/events"
)

// ExitCode returns the exit code the restic command would end with: 0 for no error, 3
// incomplete source or removal (ErrIncomplete, ErrNotRemoved), 10 no repository or no
// bucket, 11 locked, 12 wrong password, 130 interrupted (the context was cancelled or
// its deadline has passed), and 1 for anything else.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrIncomplete), errors.Is(err, ErrNotRemoved):
		return 3
	case errors.Is(err, ErrNoRepository), errors.Is(err, ErrNoBucket):
		return 10
	case errors.Is(err, ErrLocked):
		return 11
	case errors.Is(err, ErrWrongPassword):
		return 12
	case Interrupted(err):
		return 130
	}
	return 1
}

// Interrupted reports whether an operation ended because its context did: it was
// cancelled, or its deadline has passed. A storage that did not answer in time is
// ErrUnreachable, not an interruption. Neither is a stream to back up that failed with
// the end of a context of its own.
func Interrupted(err error) bool {
	return events.Ended(err) && (errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnreachable))
}
