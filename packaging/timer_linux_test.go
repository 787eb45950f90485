package packaging_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// initScript makes systemd process 1 of a container, below a control group of its own:
// hosts without the unified hierarchy have one all the same, without controllers.
const initScript = `#!/bin/sh
set -e
mount -t cgroup2 none /mnt
mkdir -p /mnt/GROUP
echo $$ > /mnt/GROUP/cgroup.procs
umount /mnt
umount -R /sys/fs/cgroup || true
mount --make-rshared /
exec unshare --cgroup sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec /lib/systemd/systemd'
`

// machine is a container that runs systemd.
type machine struct {
	*engine
	t *testing.T
}

// newMachine skips the test where systemd cannot run in a container.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{newEngine(t), t}
	output(t, m.podman("import", debianStable(t), "debian"))
	build := m.podman("build", "--pull=never", "--network=host", limits[0], limits[1], "--tag=systemd", "--file=-", m.dir)
	build.Stdin = strings.NewReader("FROM debian\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd systemd-sysv >/dev/null\n")
	if out, err := build.CombinedOutput(); err != nil {
		harness.NotHere(t, "the mirror of Debian does not give systemd: "+string(out))
	}
	group := "rwm-" + filepath.Base(m.dir)
	script := write(t, filepath.Join(m.dir, "init"), strings.ReplaceAll(initScript, "GROUP", group), 0o755)
	t.Cleanup(func() { removeGroup(t, group) })
	t.Cleanup(func() { m.podman("rm", "--force", "--time=0", "machine").Run() }) //nolint:errcheck // as newEngine's
	output(t, m.podman("run", "--detach", "--name=machine", "--privileged", "--network=host", limits[0], limits[1], "--env=container=podman",
		"--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp", "--volume="+script+":/init:ro", "systemd", "/init"))
	up := func() bool {
		out, _ := m.podman("exec", "machine", "systemctl", "is-system-running").Output()
		state := strings.TrimSpace(string(out))
		return state == "running" || state == "degraded" // no kernel modules can be loaded
	}
	eventually(t, "systemd or its end", func() bool {
		return up() || strings.TrimSpace(output(t, m.podman("inspect", "--format={{.State.Running}}", "machine"))) == "false"
	})
	if !up() {
		logs, _ := m.podman("logs", "machine").CombinedOutput()
		harness.NotHere(t, "systemd does not run in a container: "+string(logs))
	}
	return m
}

// removeGroup removes the control groups that systemd leaves behind.
func removeGroup(t *testing.T, name string) {
	mount := t.TempDir()
	if err := syscall.Mount("none", mount, "cgroup2", 0, ""); err != nil {
		t.Error(err)
		return
	}
	defer syscall.Unmount(mount, 0) //nolint:errcheck // nothing of it is open
	out, err := exec.Command("find", filepath.Join(mount, name), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").CombinedOutput()
	if err != nil && !strings.Contains(string(out), "No such file") {
		t.Errorf("%v: %s", err, out)
	}
}

func (m *machine) sh(format string, args ...any) string {
	m.t.Helper()
	return output(m.t, m.podman("exec", "machine", "sh", "-ec", fmt.Sprintf(format, args...)))
}

func (m *machine) put(path, content string, mode os.FileMode) {
	m.t.Helper()
	file := write(m.t, filepath.Join(m.t.TempDir(), "file"), content, mode)
	output(m.t, m.podman("cp", file, "machine:"+path))
}

// A real systemd fires the timer of the installed package, which makes a pass as a user
// of its own: green first, red and told after an attack, green again once root has
// acknowledged what it was.
func TestKeeperTimer(t *testing.T) {
	harness.NotShort(t)
	harness.OnlyForRelease(t) // it installs systemd in a container
	need(t, "make")
	m := newMachine(t)
	dist := t.TempDir()
	deb := exec.Command("make", "--no-print-directory", "deb", "DIST="+dist, "VERSION=v1.2.3")
	deb.Dir = ".."
	output(t, deb)
	output(t, m.podman("cp", filepath.Join(dist, "rwm_1.2.3_"+runtime.GOARCH+".deb"), "machine:/rwm.deb"))
	m.sh("dpkg -i /rwm.deb")

	s3 := s3test.Start(t)
	conf := func(id s3test.Identity, rest string) string {
		return fmt.Sprintf("s3_endpoint_url: %s\ns3_access_key: %s\ns3_secret_key: %s\n%s", s3.URL, id.AccessKey, id.SecretKey, rest)
	}
	repository := "restic_bucket: web1-backups\nrestic_password: a long one\n"
	m.put("/etc/rwm/admin.conf", conf(s3.Admin, repository), 0o600)
	m.put("/etc/rwm/rwm.conf", conf(s3.Host, repository+"backups: {etc: {filesdirs: [/etc]}}\n"), 0o600)
	m.sh("cd /etc/rwm; rwm --config admin.conf storage-create web1-backups %s; rwm restic init; rwm backup-all", s3.Host.Name)
	m.put("/etc/rwm/keeper.conf", "status_page: /var/lib/rwm-keeper/page\nadmin_config: /etc/rwm/admin.conf\ndefaults:\n  "+
		strings.ReplaceAll(strings.TrimSpace(conf(s3.Admin, "")), "\n", "\n  ")+"\nstorages:\n  web1: {restic_bucket: web1-backups, restic_password: a long one}\n", 0o600)
	m.sh("mkdir -p /etc/systemd/system/rwm-keep.timer.d")
	m.put("/etc/systemd/system/rwm-keep.timer.d/often.conf", "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/3\nRandomizedDelaySec=0\nAccuracySec=100ms\n", 0o644)

	// fired lets the timer fire once, and returns how the pass ended.
	fired := func() (status, log string) {
		t.Helper()
		since := strings.TrimSpace(m.sh("date +%%s"))
		m.sh("systemctl daemon-reload; systemctl reset-failed; systemctl start rwm-keep.timer")
		show := func() string {
			return m.sh("systemctl show rwm-keep.service -p ActiveState,ExecMainStatus,ExecMainExitTimestamp --timestamp=unix")
		}
		ended := regexp.MustCompile(`ExecMainExitTimestamp=@(\d+)`)
		eventually(t, "the timer to fire and the pass to end", func() bool {
			state := show()
			at := ended.FindStringSubmatch(state)
			return at != nil && at[1] >= since && !strings.Contains(state, "ActiveState=activating")
		})
		if last := m.sh("systemctl show rwm-keep.timer -p LastTriggerUSec"); strings.TrimSpace(last) == "LastTriggerUSec=" {
			t.Errorf("the timer never fired: %s", last)
		}
		m.sh("systemctl stop rwm-keep.timer")
		eventually(t, "a second pass to end", func() bool { return !strings.Contains(show(), "ActiveState=activating") })
		return regexp.MustCompile(`ExecMainStatus=(\d+)`).FindStringSubmatch(show())[1], m.sh("journalctl -u rwm-keep.service --no-pager -o cat")
	}
	if status, log := fired(); status != "0" || !regexp.MustCompile(`web1 +GREEN`).MatchString(log) {
		t.Fatalf("status %s\n%s", status, log)
	}
	owners := m.sh("cd /var/lib/rwm-keeper/; stat -L -c '%%u %%a %%n' . storages/web1.json page/index.html")
	if strings.Contains("\n"+owners, "\n0 ") || !strings.Contains(owners, " 600 storages/web1.json") || !strings.Contains(owners, " 644 page/index.html") {
		t.Errorf("owners: %s", owners)
	}
	if got := m.sh("rwm keep --config /etc/rwm/keeper.conf status"); !regexp.MustCompile(`web1 +GREEN`).MatchString(got) {
		t.Errorf("status for root: %s", got)
	}

	client := s3.Client(t, s3.Host)
	for o := range client.ListObjectsIter(t.Context(), "web1-backups", minio.ListObjectsOptions{Prefix: "snapshots/"}) {
		if err := client.RemoveObject(t.Context(), "web1-backups", o.Key, minio.RemoveObjectOptions{}); err != nil || o.Err != nil {
			t.Fatal(err, o.Err)
		}
	}
	status, log := fired()
	if status != "20" || !strings.Contains(log, "web1 is red") || !strings.Contains(log, "rwm keep --config /etc/rwm/keeper.conf ack web1 history") {
		t.Errorf("after an attack: status %s\n%s", status, log)
	}
	m.sh("rwm keep --config /etc/rwm/keeper.conf ack web1 all; cd /etc/rwm; rwm backup-all")
	if status, log := fired(); status != "0" {
		t.Errorf("after all was acknowledged: status %s\n%s", status, log)
	}
}
