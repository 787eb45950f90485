// Package sema re-exports what is used of restic's internal/backend/sema.
package sema

import "github.com/restic/restic/internal/backend/sema"

var (
	NewBackend = sema.NewBackend
)
