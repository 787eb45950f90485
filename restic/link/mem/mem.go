// Package mem re-exports what is used of restic's internal/backend/mem.
package mem

import "github.com/restic/restic/internal/backend/mem"

type (
	MemoryBackend = mem.MemoryBackend
)

var (
	New        = mem.New
	NewFactory = mem.NewFactory
)
