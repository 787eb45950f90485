package restic

import (
	"context"
	"errors"
)

// ExitCode returns the exit code the restic command would end with: 0 for no error, 3 incomplete source (ErrIncomplete), 10 no
// repository, 11 locked, 12 wrong password, 130 interrupted (context.Canceled), and 1 for anything else.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrIncomplete):
		return 3
	case errors.Is(err, ErrNoRepository):
		return 10
	case errors.Is(err, ErrLocked):
		return 11
	case errors.Is(err, ErrWrongPassword):
		return 12
	case errors.Is(err, context.Canceled):
		return 130
	}
	return 1
}
