// Package restorer re-exports what is used of restic's internal/restorer.
package restorer

import "github.com/restic/restic/internal/restorer"

type (
	HardlinkKey       = restorer.HardlinkKey
	Options           = restorer.Options
	OverwriteBehavior = restorer.OverwriteBehavior
)

var (
	NewRestorer = restorer.NewRestorer
)
