// Package filter re-exports what is used of restic's internal/filter.
package filter

import "github.com/restic/restic/internal/filter"

type (
	ExcludePatternOptions = filter.ExcludePatternOptions
	IncludeByNameFunc     = filter.IncludeByNameFunc
	IncludePatternOptions = filter.IncludePatternOptions
	InvalidPatternError   = filter.InvalidPatternError
	Pattern               = filter.Pattern
	RejectByNameFunc      = filter.RejectByNameFunc
)

var (
	ErrBadString = filter.ErrBadString
)

var (
	ChildMatch                  = filter.ChildMatch
	IncludeByInsensitivePattern = filter.IncludeByInsensitivePattern
	IncludeByPattern            = filter.IncludeByPattern
	List                        = filter.List
	ListWithChild               = filter.ListWithChild
	Match                       = filter.Match
	ParsePatterns               = filter.ParsePatterns
	RejectByInsensitivePattern  = filter.RejectByInsensitivePattern
	RejectByPattern             = filter.RejectByPattern
	ValidatePatterns            = filter.ValidatePatterns
)
