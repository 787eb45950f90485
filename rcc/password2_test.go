package rcc_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Who has files with a second password, or salt, gives it in the environment.
func TestSecondPassword(t *testing.T) {
	needStock(t)
	w := newWorld(t)
	obscured, err := exec.Command("rclone", "obscure", "salt").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	writeFiles(t, source)
	salted := func(args ...string) output {
		cmd := w.command(t, args...)
		cmd.Env = append(cmd.Env, "RCLONE_CRYPT_PASSWORD2="+strings.TrimSpace(string(obscured)))
		return run(t, cmd)
	}
	if o := salted("copy", source, "rwmbe:"); o.code != 0 {
		t.Fatal(o)
	}
	if got := w.rcc(t, "lsf", "-R", "rwmbe:"); got != "" {
		t.Errorf("without the salt: %s", got)
	}
	if o := salted("lsf", "-R", "--files-only", "rwmbe:"); o.code != 0 || strings.Count(o.stdout, "\n") != 10 {
		t.Errorf("with the salt: %v", o)
	}
}
