//go:build unix

package restic

import (
	"bytes"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// The engine catches SIGHUP for the whole process as soon as it is linked: its lock
// code sends that signal to test whether a process is alive. A program that links this
// package would no longer end when its terminal goes away. This package tests
// differently (see processExists), so it undoes that before main and the program's own
// handlers.
//
// The engine starts catching in a goroutine, so there may be nothing to undo yet; there
// is once that goroutine waits for a signal.
func init() {
	deadline := time.Now().Add(100 * time.Millisecond)
	for !engineCatchesSIGHUP() && time.Now().Before(deadline) {
		time.Sleep(50 * time.Microsecond)
	}
	signal.Reset(syscall.SIGHUP)
}

// engineCatchesSIGHUP looks for the goroutine that restic/lock.go starts in its init
// function.
func engineCatchesSIGHUP() bool {
	stacks := make([]byte, 64<<10)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for goroutine := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(goroutine, []byte("restic/internal/restic.init.")) && bytes.Contains(goroutine, []byte("[chan receive")) {
			return true
		}
	}
	return false
}
