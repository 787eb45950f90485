// Package lategc lets the packages of the command be initialized without collecting
// garbage. Those of rclone allocate 5 MB, for which Go would collect three or four
// times before main begins: a quarter of the CPU that a start takes. Importing it is
// enough; main sets the target that commands run with.
//
// It imports nothing that others do not, so that its path has it initialized before
// github.com/rclone.
package lategc

import (
	"os"
	"runtime/debug"
)

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // of at least 4 MB
	}
}
