//go:build unix

package restic

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

func init() {
	children["sighup"] = func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		time.Sleep(5 * time.Second)
	}
}

// Linking the engine must not make a program deaf to SIGHUP.
func TestSIGHUPEndsTheProcess(t *testing.T) {
	// signal.Ignored forgets what the process was started with once the engine has asked
	// for the signal; a shell inherits it.
	if exec.Command("sh", "-c", "kill -HUP $$").Run() == nil {
		harness.NotHere(t, "started with SIGHUP ignored")
	}
	for range 5 {
		err := child(t, "sighup").Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal("the process survived SIGHUP:", err)
		}
		status, ok := exit.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() || status.Signal() != syscall.SIGHUP {
			t.Fatalf("the process ended with %v, not by SIGHUP", err)
		}
	}
}
