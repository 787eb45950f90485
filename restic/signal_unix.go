//go:build unix

package restic

import (
	"bytes"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// The engine catches SIGHUP for the whole process as soon as it is linked: its lock code sends that signal to find out whether a process
// lives. A program that links this package would no longer end when its terminal goes away. This package asks in another way (see
// processExists), so it takes the catching back, before main and the program's own handlers.
//
// The engine starts to catch in a goroutine, so what to take back may not be there yet; it is when that goroutine waits for a signal.
func init() {
	deadline := time.Now().Add(100 * time.Millisecond)
	for !engineCatchesSIGHUP() && time.Now().Before(deadline) {
		time.Sleep(50 * time.Microsecond)
	}
	signal.Reset(syscall.SIGHUP)
}

// engineCatchesSIGHUP looks for the goroutine that restic/lock.go starts in its init function.
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
