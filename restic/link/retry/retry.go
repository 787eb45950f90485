// Package retry re-exports what is used of restic's internal/backend/retry.
package retry

import "github.com/restic/restic/internal/backend/retry"

type (
	Backend = retry.Backend
)

var (
	New = retry.New
)
