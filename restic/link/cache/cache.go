// Package cache re-exports what is used of restic's internal/backend/cache.
package cache

import "github.com/restic/restic/internal/backend/cache"

type (
	Backend = cache.Backend
	Cache   = cache.Cache
)

const (
	MaxCacheAge = cache.MaxCacheAge
)

var (
	All        = cache.All
	DefaultDir = cache.DefaultDir
	EnvDir     = cache.EnvDir
	IsOld      = cache.IsOld
	New        = cache.New
	Old        = cache.Old
	OlderThan  = cache.OlderThan
)
