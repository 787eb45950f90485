package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The package is made as `make deb` makes it, installed below a root of its own, run
// there and removed again.
func TestDebianPackage(t *testing.T) {
	need(t, "dpkg", "dpkg-deb", "make")
	if testing.Short() {
		t.Skip("builds rwm and nfpm")
	}
	root := t.TempDir()
	build := func() (deb string) {
		t.Helper()
		dist := t.TempDir()
		cmd := exec.Command("make", "--no-print-directory", "deb", "DIST="+dist, "VERSION=v1.2.3")
		cmd.Dir = ".."
		output(t, cmd)
		return filepath.Join(dist, "rwm_1.2.3_"+runtime.GOARCH+".deb")
	}
	deb, again := build(), build()
	if err := exec.Command("cmp", deb, again).Run(); err != nil {
		t.Errorf("the same source does not give the same package: %v", err)
	}

	list := output(t, exec.Command("dpkg-deb", "-c", deb))
	for _, want := range []string{
		"-rwxr-xr-x root/root", "./usr/bin/rwm\n", "./usr/bin/rwm-cron\n", "./usr/bin/rwm-mysql-dump\n", "./usr/bin/rwm-postgresql-dump\n",
		"./usr/lib/systemd/system/rwm-backup.service\n", "./usr/lib/systemd/system/rwm-backup.timer\n", "./usr/share/doc/rwm/copyright\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if !strings.Contains(list, "drwx------ root/root") {
		t.Errorf("/etc/rwm, which holds secrets, is open:\n%s", list)
	}

	admin := filepath.Join(root, "var/lib/dpkg")
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(admin, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(admin, "status"), "", 0o644)
	dpkg := func(args ...string) string {
		t.Helper()
		return output(t, exec.Command("dpkg", append([]string{"--root=" + root, "--force-not-root", "--force-bad-path"}, args...)...))
	}
	dpkg("-i", deb)
	if got := output(t, exec.Command(filepath.Join(root, "usr/bin/rwm"), "version")); !strings.Contains(got, "v1.2.3") {
		t.Errorf("version: %s", got)
	}
	if got := dpkg("-s", "rwm"); !strings.Contains(got, "Status: install ok installed") || !strings.Contains(got, "Version: 1.2.3") {
		t.Error(got)
	}
	conf := write(t, filepath.Join(root, "etc/rwm/rwm.conf"), "mine", 0o600)
	dpkg("-r", "rwm")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/rwm")); err == nil {
		t.Error("the program stays after the package is removed")
	}
	if _, err := os.Stat(conf); err != nil {
		t.Errorf("the configuration went with the package: %v", err)
	}
}
