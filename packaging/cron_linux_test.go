package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// cron runs the helper with a stand-in for rwm, a shell script.
func cron(t *testing.T, script string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rwm"), "#!/bin/sh\n"+script+"\n", 0o755)
	cmd := exec.Command(absolute(t, "cron/rwm-cron"), args...)
	cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "TMPDIR=" + dir}, env...)
	return cmd
}

func TestCronIsSilentOnSuccess(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	out, err := cron(t, `echo "$@"; echo warning >&2`, []string{"RWM_CRON_LOG=" + log}).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v %q", err, out)
	}
	if got, err := os.ReadFile(log); err != nil || string(got) != "--config /etc/rwm/rwm.conf backup-all\nwarning\n" {
		t.Errorf("log: %q %v", got, err)
	}
}

func TestCronTellsAFailure(t *testing.T) {
	cmd := cron(t, `echo "$@"; echo broken >&2; exit 11`, []string{"RWM_CONFIG=/x.conf"}, "backup", "home")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 11 {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"--config /x.conf backup home\n", "broken\n", "rwm backup home ended with exit code 11"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if left := names(t, filepath.Dir(strings.SplitN(strings.TrimPrefix(cmd.Env[0], "PATH="), ":", 2)[0]+"/rwm")); len(left) != 1 {
		t.Errorf("temporary files are left: %q", left)
	}
}

// A stop reaches rwm, and its cleaning up is waited for.
func TestCronPassesASignalOn(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	cmd := cron(t, `trap 'sleep 0.3; echo unlocked; exit 130' TERM
		: >`+ready+`
		while :; do sleep 0.05; done`, nil)
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "rwm to run", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // the code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "unlocked") {
		t.Errorf("exit code %d, %q", code, out.String())
	}
}
