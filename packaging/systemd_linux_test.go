package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemdUnits(t *testing.T) {
	need(t, "systemd-analyze")
	dir := t.TempDir()
	units := []string{"rwm-backup.service", "rwm-backup.timer", "rwm-keep.service", "rwm-keep.timer"}
	for i, unit := range units {
		text, err := os.ReadFile(filepath.Join("systemd", unit))
		if err != nil {
			t.Fatal(err)
		}
		// rwm need not be installed for this.
		units[i] = write(t, filepath.Join(dir, unit), strings.Replace(string(text), "/usr/bin/rwm", "/bin/true", 1), 0o644)
	}
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v: %s", err, out)
	}
	for _, when := range []string{"*-*-* 01:00", "*-*-* 00/4:17"} {
		if next := output(t, exec.Command("systemd-analyze", "calendar", when)); !strings.Contains(next, "Next elapse") {
			t.Error(next)
		}
	}
}
