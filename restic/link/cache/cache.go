// Package cache re-exports what is used of restic's internal/backend/cache.
package cache

import "github.com/restic/restic/internal/backend/cache"

type (
	Backend = cache.Backend
	Cache   = cache.Cache
)

var (
	All   = cache.All
	IsOld = cache.IsOld
	New   = cache.New
	Old   = cache.Old
)
