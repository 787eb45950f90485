// Package progress re-exports what is used of restic's internal/ui/progress.
package progress

import "github.com/restic/restic/internal/ui/progress"

type (
	Counter     = progress.Counter
	Func        = progress.Func
	NoopPrinter = progress.NoopPrinter
	Printer     = progress.Printer
	TestPrinter = progress.TestPrinter
	UpdateFunc  = progress.UpdateFunc
	Updater     = progress.Updater
)

var (
	NewCounter     = progress.NewCounter
	NewTestPrinter = progress.NewTestPrinter
	NewUpdater     = progress.NewUpdater
)
