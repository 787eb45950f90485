// Package dump re-exports what is used of restic's internal/dump.
package dump

import "github.com/restic/restic/internal/dump"

type (
	Dumper = dump.Dumper
)

var (
	New = dump.New
)
