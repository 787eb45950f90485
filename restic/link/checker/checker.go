// Package checker re-exports what is used of restic's internal/checker.
package checker

import "github.com/restic/restic/internal/checker"

type (
	Checker = checker.Checker
	Error   = checker.Error
)

var (
	New = checker.New
)
