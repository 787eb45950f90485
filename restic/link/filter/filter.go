// Package filter re-exports what is used of restic's internal/filter.
package filter

import "github.com/restic/restic/internal/filter"

type (
	ExcludePatternOptions = filter.ExcludePatternOptions
	IncludePatternOptions = filter.IncludePatternOptions
	IncludeByNameFunc     = filter.IncludeByNameFunc
	RejectByNameFunc      = filter.RejectByNameFunc
)

var (
	ChildMatch       = filter.ChildMatch
	List             = filter.List
	Match            = filter.Match
	ValidatePatterns = filter.ValidatePatterns
)
