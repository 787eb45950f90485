package rwm

import (
	"os/exec"
)

func shell(command string) *exec.Cmd {
	return exec.Command("cmd", "/C", command)
}

func setGroup(*exec.Cmd) {}

func terminateGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func exitCode(err *exec.ExitError) int { return err.ExitCode() }
