//go:build unix

package restic

import (
	"errors"

	"golang.org/x/sys/unix"
)

// processExists asks with signal 0, which is never delivered. A process of another user answers EPERM.
func processExists(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
