// Package limiter re-exports what is used of restic's internal/backend/limiter.
package limiter

import "github.com/restic/restic/internal/backend/limiter"

type (
	Limiter = limiter.Limiter
)

var (
	LimitBackend = limiter.LimitBackend
)
