// Package beside runs a program beside a server that was made for it.
package beside

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// Run runs a program with further environment variables and waits for it. When ctx ends
// it is interrupted. The exit code is the program's; 1 comes with an error if it has
// none.
func Run(ctx context.Context, command []string, env ...string) (code int, err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
