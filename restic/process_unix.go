//go:build unix

package restic

import (
	"errors"

	"golang.org/x/sys/unix"
)

// processExists sends signal 0, which is never delivered. For another user's process
// the result is EPERM.
func processExists(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
