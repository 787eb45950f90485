// Package mem re-exports what is used of restic's internal/backend/mem.
package mem

import "github.com/restic/restic/internal/backend/mem"

var (
	New = mem.New
)
