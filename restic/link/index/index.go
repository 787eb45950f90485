// Package index re-exports what is used of restic's internal/repository/index.
package index

import "github.com/restic/restic/internal/repository/index"

type (
	Index = index.Index
)

var (
	ForAllIndexes = index.ForAllIndexes
)
