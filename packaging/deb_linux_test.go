package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

// The package is made as `make deb` makes it, installed below a root of its own, run
// there and removed again.
func TestDebianPackage(t *testing.T) {
	need(t, "dpkg", "dpkg-deb", "make")
	harness.NotShort(t)
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
		"./usr/share/doc/rwm/licenses.txt\n", "./usr/share/man/man1/rwm.1\n", "./usr/share/bash-completion/completions/rwm\n",
		"./usr/lib/systemd/system/rwm-keep.service\n", "./usr/lib/systemd/system/rwm-keep.timer\n",
		"./usr/share/doc/rwm/examples/keeper.conf\n", "./usr/share/doc/rwm/examples/rwm-keep.cron\n",
		"./usr/share/doc/rwm/examples/rwm-alerts.yml\n", "./usr/share/doc/rwm/examples/rwm-storages.json\n",
		"./usr/share/zsh/vendor-completions/_rwm\n", "./usr/share/fish/vendor_completions.d/rwm.fish\n",
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

// A release has two tags, one of them the nested module's; its version is the other.
func TestVersionIsTheTag(t *testing.T) {
	need(t, "git", "make")
	dir := t.TempDir()
	// Not what a make that runs this test was given.
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "MAKE") || strings.HasPrefix(kv, "VERSION=")
	})
	env = append(env, "GIT_DIR="+dir+"/.git", "GIT_WORK_TREE="+dir, "GIT_CONFIG_GLOBAL=/dev/null")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = "..", env
		return strings.TrimSpace(output(t, cmd))
	}
	version := func() string {
		return run("make", "--no-print-directory", "--eval", "print-version: ; @echo $(VERSION) $(DEB_VERSION)", "print-version")
	}
	run("git", "init", "--quiet")
	commit := func() {
		run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--allow-empty", "-m", "x")
	}
	commit()
	if got := version(); !regexp.MustCompile(`^([0-9a-f]{7,}) 0~[0-9a-f]{7,}$`).MatchString(got) {
		t.Errorf("without a tag: %q", got)
	}
	for _, tag := range []string{"v1.2.3", "restic/link/v1.2.3"} {
		run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "tag", "-a", "-m", tag, tag)
	}
	if got := version(); got != "v1.2.3 1.2.3" {
		t.Errorf("at a release: %q", got)
	}
	commit()
	if got := version(); !regexp.MustCompile(`^v1\.2\.3-1-g\S+ 1\.2\.3-1-g\S+$`).MatchString(got) {
		t.Errorf("after a release: %q", got)
	}
}
