package rwm

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	// hookGrace is how long a hook may take to end once it was asked to.
	hookGrace = 10 * time.Second
	// hookDrain is how long to wait for the output of what a finished hook left
	// running in the background.
	hookDrain = 2 * time.Second
)

// hooks runs shell commands.
type hooks struct {
	stdout, stderr io.Writer
}

// run runs the commands one after the other with `sh -c` (on Windows
// `cmd /C`) and stops at the first that fails, with a *HookError.
//
// A command gets the working directory and the environment of this process,
// RWM_BACKUP with the backup's name and RWM_HOOK with prerun or postrun, and no
// standard input. None of the configuration's secrets gets into its
// environment. It runs in a process group of its own; when ctx ends, the whole
// group is asked to terminate and, after ten seconds, killed.
func (h hooks) run(ctx context.Context, backup string, phase HookPhase, commands []string, onStart func(index int, command string)) error {
	for i, command := range commands {
		if err := ctx.Err(); err != nil {
			return err
		}
		if onStart != nil {
			onStart(i, command)
		}
		if err := h.runOne(ctx, backup, phase, command); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &HookError{Backup: backup, Phase: phase, Index: i, Command: command, Code: hookCode(err), Err: err}
		}
	}
	return nil
}

func (h hooks) runOne(ctx context.Context, backup string, phase HookPhase, command string) error {
	cmd := shell(command)
	cmd.Stdout, cmd.Stderr = h.stdout, h.stderr
	cmd.Env = os.Environ()
	if backup != "" {
		cmd.Env = append(cmd.Env, "RWM_BACKUP="+backup, "RWM_HOOK="+string(phase))
	}
	cmd.WaitDelay = hookDrain
	setGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	finished, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		endGroup(ctx, cmd, finished)
	}()
	err := cmd.Wait()
	close(finished)
	<-stopped
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it succeeded and left something running, as a daemon's start does
	}
	return err
}

// endGroup ends the command's process group when ctx ends first.
func endGroup(ctx context.Context, cmd *exec.Cmd, finished <-chan struct{}) {
	select {
	case <-finished:
		return
	case <-ctx.Done():
	}
	_ = terminateGroup(cmd)
	select {
	case <-finished: // the command itself; its children may still be there
	case <-time.After(hookGrace):
	}
	_ = killGroup(cmd)
	<-finished
}

// hookCode is the exit code as a shell would report it.
func hookCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitCode(exit)
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}
