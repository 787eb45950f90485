//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A run that waits for a pipe nobody writes into ends at the first signal.
func TestSilentPipesEndAtASignal(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(args ...string) []string { return append([]string{"restic", "-r", dir}, args...) }
	for name, args := range map[string][]string{
		"password":      open("-p", pipe, "snapshots"),
		"repository":    {"restic", "--repository-file", pipe, "--insecure-no-password", "snapshots"},
		"configuration": {"--config", pipe, "storage-list"},
		"paths":         open("--insecure-no-password", "backup", "--files-from", pipe),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("rwm", args...)
			cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "RESTIC_REPOSITORY=", "RESTIC_PASSWORD=")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			// Before the program has set up its handlers a signal ends it anyway.
			time.Sleep(300 * time.Millisecond)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				_ = cmd.Process.Kill()
				t.Error("it still waits for the pipe")
			}
		})
	}
}
