//go:build !linux

package restic

import engdata "github.com/restic/restic/rwmlink/data"

// restoreUsual leaves metadata to the engine.
func restoreUsual(*engdata.Node, string) bool { return false }
