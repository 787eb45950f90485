// Package errors re-exports what is used of restic's internal/errors.
package errors

import "github.com/restic/restic/internal/errors"

var (
	Errorf = errors.Errorf
	New    = errors.New
	Wrap   = errors.Wrap
)

var (
	As      = errors.As
	Fatal   = errors.Fatal
	Fatalf  = errors.Fatalf
	Is      = errors.Is
	IsFatal = errors.IsFatal
	Join    = errors.Join
	Unwrap  = errors.Unwrap
)
