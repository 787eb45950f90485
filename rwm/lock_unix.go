//go:build unix

package rwm

import "syscall"

// openSafely waits for nobody and follows no link in the last part of a path.
const openSafely = syscall.O_NONBLOCK | syscall.O_NOFOLLOW
