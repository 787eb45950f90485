// Package limiter re-exports what is used of restic's internal/backend/limiter.
package limiter

import "github.com/restic/restic/internal/backend/limiter"

type (
	Limits = limiter.Limits
)

var (
	LimitBackend     = limiter.LimitBackend
	NewStaticLimiter = limiter.NewStaticLimiter
)
