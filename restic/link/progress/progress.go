// Package progress re-exports what is used of restic's internal/ui/progress.
package progress

import "github.com/restic/restic/internal/ui/progress"

type (
	Counter = progress.Counter
	Printer = progress.Printer
)

var (
	NewCounter = progress.NewCounter
)
