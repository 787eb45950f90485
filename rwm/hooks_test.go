//go:build unix

package rwm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func runHooks(t *testing.T, commands ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err = hooks{&out, &errOut}.run(t.Context(), "home", PhasePreRun, commands, nil)
	return out.String(), errOut.String(), err
}

func TestHooksRunInOrder(t *testing.T) {
	stdout, stderr, err := runHooks(t, "echo one", "echo two >&2", `echo "$RWM_BACKUP $RWM_HOOK"; cat`)
	if err != nil || stdout != "one\nhome prerun\n" || stderr != "two\n" {
		t.Errorf("got %q, %q, %v", stdout, stderr, err)
	}
}

func TestHookFailureStops(t *testing.T) {
	for command, code := range map[string]int{"exit 7": 7, "no-such-command-anywhere": 127, "kill -9 $$": 137, "false": 1} {
		stdout, _, err := runHooks(t, "echo first", command, "echo never")
		var hook *HookError
		if !errors.As(err, &hook) || !errors.Is(err, ErrHook) {
			t.Fatalf("%s: error %v", command, err)
		}
		if hook.Code != code || hook.Index != 1 || hook.Command != command || stdout != "first\n" {
			t.Errorf("%s: %+v, stdout %q", command, hook, stdout)
		}
	}
}

func TestHookWithoutShell(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, _, err := runHooks(t, "true")
	var hook *HookError
	if !errors.As(err, &hook) || hook.Code != 127 {
		t.Errorf("error %v, want code 127", err)
	}
}

func TestHookWorkingDirectory(t *testing.T) {
	dir, _ := filepath.EvalSymlinks(t.TempDir())
	t.Chdir(dir)
	if stdout, _, err := runHooks(t, "pwd -P"); err != nil || strings.TrimSpace(stdout) != dir {
		t.Errorf("ran in %q (%v), want %q", stdout, err, dir)
	}
}

// Output must arrive while the command runs: the hook goes on only when its first line
// was read.
func TestHookOutputStreams(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "go-on")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- hooks{w, w}.run(t.Context(), "b", PhasePreRun, []string{"echo early; while [ ! -e " + fifo + " ]; do sleep 0.01; done"}, nil)
	}()
	line := make([]byte, 6)
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "early\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	if err := os.WriteFile(fifo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestHookCancelEndsTheGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	done := make(chan error, 1)
	// A grandchild that would write a file unless it is ended too.
	script := "(sleep 2; touch " + dir + "/survived) & touch " + dir + "/started; wait"
	go func() {
		done <- hooks{&out, &out}.run(ctx, "b", PhasePreRun, []string{script, "touch " + dir + "/second"}, nil)
	}()
	for {
		if _, err := os.Stat(dir + "/started"); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	time.Sleep(2500 * time.Millisecond)
	for _, name := range []string{"survived", "second"} {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			t.Errorf("%s was written after the cancel", name)
		}
	}
}

func TestHookLeavesDaemon(t *testing.T) {
	t.Parallel()
	stdout, _, err := runHooks(t, "sleep 30 & echo $!")
	if err != nil {
		t.Errorf("a hook that starts a daemon failed: %v", err)
	}
	_, _, _ = runHooks(t, "kill "+strings.TrimSpace(stdout))
}

func TestHookErrorHidesArguments(t *testing.T) {
	for command, want := range map[string]string{
		"mysqldump -psecret all": `prerun command 1 of backup "home" (mysqldump …) failed with return code 127`,
		"PASS=secret dump":       `prerun command 1 of backup "home" (…) failed with return code 127`,
		"false":                  `prerun command 1 of backup "home" (false) failed with return code 127`,
	} {
		if got := (&HookError{Backup: "home", Phase: PhasePreRun, Command: command, Code: 127}).Error(); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}
