// Package restorer re-exports what is used of restic's internal/restorer.
package restorer

import "github.com/restic/restic/internal/restorer"

type (
	HardlinkKey       = restorer.HardlinkKey
	Options           = restorer.Options
	OverwriteBehavior = restorer.OverwriteBehavior
	Restorer          = restorer.Restorer
)

const (
	OverwriteAlways    = restorer.OverwriteAlways
	OverwriteIfChanged = restorer.OverwriteIfChanged
	OverwriteIfNewer   = restorer.OverwriteIfNewer
	OverwriteInvalid   = restorer.OverwriteInvalid
	OverwriteNever     = restorer.OverwriteNever
)

var (
	NewRestorer = restorer.NewRestorer
)

// NewHardlinkIndex is instantiated for paths.
var NewHardlinkIndex = restorer.NewHardlinkIndex[string]
