// Package uirestore re-exports what is used of restic's internal/ui/restore.
package uirestore

import "github.com/restic/restic/internal/ui/restore"

type (
	ItemAction      = restore.ItemAction
	Progress        = restore.Progress
	ProgressPrinter = restore.ProgressPrinter
	State           = restore.State
)

var (
	NewProgress = restore.NewProgress
)
