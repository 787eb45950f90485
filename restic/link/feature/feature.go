// Package feature re-exports what is used of restic's internal/feature.
package feature

import "github.com/restic/restic/internal/feature"

const (
	DeviceIDForHardlinks = feature.DeviceIDForHardlinks
)

var (
	Flag = feature.Flag
)

var (
	New = feature.New
)
