// Package uirestore re-exports what is used of restic's internal/ui/restore.
package uirestore

import "github.com/restic/restic/internal/ui/restore"

type (
	ItemAction      = restore.ItemAction
	Progress        = restore.Progress
	ProgressPrinter = restore.ProgressPrinter
	State           = restore.State
)

const (
	ActionDeleted       = restore.ActionDeleted
	ActionDirRestored   = restore.ActionDirRestored
	ActionFileRestored  = restore.ActionFileRestored
	ActionFileUnchanged = restore.ActionFileUnchanged
	ActionFileUpdated   = restore.ActionFileUpdated
	ActionOtherRestored = restore.ActionOtherRestored
)

var (
	NewJSONProgress = restore.NewJSONProgress
	NewProgress     = restore.NewProgress
	NewTextProgress = restore.NewTextProgress
)
