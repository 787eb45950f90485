package packaging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/internal/harness/treecmp"
)

// nas is a directory with the compose file and what it mounts.
type nas struct {
	*engine
	dir, volume, docker string
}

// newNAS builds the image and starts an S3 server with a policed bucket, made by the
// admin with the image run as Docker runs it.
func newNAS(t *testing.T) *nas {
	t.Helper()
	e := newEngine(t)
	e.build(t, "v1.2.3")
	root := t.TempDir()
	n := &nas{engine: e, dir: filepath.Join(root, "packaging", "container"), volume: filepath.Join(root, "volume1"), docker: e.listen(t)}
	for _, dir := range []string{n.dir, n.volume} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	compose, err := os.ReadFile("container/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(compose), "- /volume1:/data:ro\n") {
		t.Fatal("the compose file mounts something else than this test knows")
	}
	write(t, filepath.Join(n.dir, "compose.yaml"), strings.ReplaceAll(string(compose), "- /volume1:", "- "+n.volume+":"), 0o644)
	write(t, filepath.Join(n.dir, "override.yaml"), override, 0o644)

	s3 := s3test.Start(t)
	identity := func(id s3test.Identity) string {
		return fmt.Sprintf("s3_endpoint_url: %s\ns3_access_key: %s\ns3_secret_key: %s\n", s3.URL, id.AccessKey, id.SecretKey)
	}
	// The lock_path is the default.
	write(t, filepath.Join(n.dir, "rwm.conf"), identity(s3.Host)+`restic_bucket: nas
restic_password: a long one
backups:
  data:
    prerun: ['echo on "$(hostname)"', 'test ! -e /data/slow || { echo sleeping; sleep 300; }']
    filesdirs: [/data]
retention: {keep-within: 14d, keep-daily: "30"}
rcc_crypt_bucket: files
rcc_crypt_password: another one
`, 0o600)
	admin := write(t, filepath.Join(root, "admin.conf"), identity(s3.Admin), 0o600)
	for _, bucket := range []string{"nas", "files"} {
		output(t, e.run("--volume="+admin+":/etc/rwm/rwm.conf:ro", "rwm", "storage-create", bucket, s3.Host.Name))
	}
	return n
}

// compose is docker compose run, with the options and arguments given.
func (n *nas) compose(args ...string) *exec.Cmd {
	cmd := exec.Command("docker-compose", append([]string{"-f", "compose.yaml", "-f", "override.yaml", "run", "-T"}, args...)...)
	cmd.Dir, cmd.Env = n.dir, append(os.Environ(), n.docker)
	return cmd
}

// What the recipe repeats from elsewhere.
func TestContainerRecipeAgrees(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read("../go.mod"))
	if len(version) != 2 || !strings.Contains(read("container/Dockerfile"), "/golang:"+version[1]+" ") {
		t.Errorf("the recipe builds with another Go than go.mod's: %q", version)
	}
	// What git does not keep is no part of the source either; nor is .git.
	left := strings.Fields(read("../.dockerignore"))
	for _, dir := range append(regexp.MustCompile(`(?m)^/.*/$`).FindAllString(read("../.gitignore"), -1), ".git") {
		if !slices.Contains(left, strings.Trim(dir, "/")) {
			t.Errorf(".dockerignore lets %s into the image's build", dir)
		}
	}
}

func TestContainer(t *testing.T) {
	harness.NotShort(t)
	n := newNAS(t)
	rwm := func(args ...string) string {
		t.Helper()
		return output(t, n.compose(append([]string{"--rm", "rwm"}, args...)...))
	}
	write(t, filepath.Join(n.volume, "file"), strings.Repeat("content", 1000), 0o640)
	if err := os.Mkdir(filepath.Join(n.volume, "dir"), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(n.volume, "dir", "žluťoučký"), "kůň", 0o600)
	if got := rwm("version"); !strings.Contains(got, "v1.2.3") {
		t.Errorf("version: %s", got)
	}
	rwm("restic", "init")

	t.Run("backups of one host", func(t *testing.T) {
		for range 2 {
			got := rwm()
			if !strings.Contains(got, "on nas1\n") || !regexp.MustCompile(`saved rwm/state_\S+\+0[12]:00\.json\.gz`).MatchString(got) {
				t.Errorf("not on the host that compose.yaml names, or in its time zone:\n%s", got)
			}
		}
		var snapshots []struct{ ID, Parent, Hostname string }
		if err := json.Unmarshal([]byte(rwm("restic", "snapshots", "--json")), &snapshots); err != nil {
			t.Fatal(err)
		}
		if len(snapshots) != 2 || snapshots[0].Hostname != "nas1" || snapshots[1].Hostname != "nas1" || snapshots[1].Parent != snapshots[0].ID {
			t.Errorf("two containers are not one host to restic: %+v", snapshots)
		}
	})

	t.Run("restore", func(t *testing.T) {
		back := t.TempDir()
		output(t, n.compose("--rm", "-v", back+":/restored", "rwm", "restic", "restore", "latest:/data", "--target", "/restored"))
		if r, err := treecmp.Compare(n.volume, back); err != nil || !r.Equal() || r.Files != 2 {
			t.Errorf("%v, %d files: %q", err, r.Files, r.Differences)
		}
	})

	t.Run("exit code", func(t *testing.T) {
		err := n.compose("--rm", "rwm", "restic", "backup", "/data", "/nowhere").Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("a backup without a file that is named: %v", err)
		}
	})

	t.Run("rclone", func(t *testing.T) {
		rwm("rcc", "copy", "/data", "rwmbe:/")
		if got := rwm("rcc", "cat", "rwmbe:/dir/žluťoučký"); got != "kůň" {
			t.Errorf("%q", got)
		}
	})

	t.Run("docker run", func(t *testing.T) {
		got := output(t, n.run("--hostname=nas1", "--tmpfs=/tmp", "--volume="+n.dir+"/rwm.conf:/etc/rwm/rwm.conf:ro", "--volume="+n.volume+":/data:ro", "--volume=rwm-cache:/var/cache/rwm", "rwm"))
		if !strings.Contains(got, "0 new,     0 changed,     2 unmodified") {
			t.Errorf("reads everything again:\n%s", got)
		}
	})

	write(t, filepath.Join(n.volume, "slow"), "", 0o644)
	// start starts a run that is going to be ended, and waits until it is at work.
	start := func(t *testing.T, name string) {
		t.Helper()
		output(t, n.compose("-d", "--name", name, "rwm"))
		eventually(t, "the run to begin", func() bool {
			out, _ := n.podman("logs", name).CombinedOutput()
			return strings.Contains(string(out), "sleeping\n")
		})
	}

	t.Run("stopped", func(t *testing.T) {
		start(t, "stopped")
		if out, err := n.compose("--rm", "rwm").CombinedOutput(); err == nil || !strings.Contains(string(out), "another backup run") {
			t.Errorf("a second run at the same time: %v\n%s", err, out)
		}
		began := time.Now()
		output(t, n.podman("stop", "stopped"))
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("stopping took %v", took)
		}
		logs, _ := n.podman("logs", "stopped").CombinedOutput()
		if code := strings.TrimSpace(output(t, n.podman("wait", "stopped"))); code != "130" || !strings.Contains(string(logs), "terminated received, cleaning up") {
			t.Errorf("exit code %s:\n%s", code, logs)
		}
		if locks := rwm("restic", "list", "locks", "--no-lock"); locks != "" {
			t.Errorf("the repository is left locked: %s", locks)
		}
	})

	// The lock of a run that was killed is the lock of process 1 on nas1, as is every
	// lock of every container here.
	t.Run("killed", func(t *testing.T) {
		start(t, "killed")
		if out, err := n.compose("--rm", "rwm", "restic", "unlock").CombinedOutput(); err != nil || !strings.Contains(string(out), "it is in use") {
			t.Errorf("the lock of a run at work is taken for a dead one's: %v\n%s", err, out)
		}
		output(t, n.podman("kill", "killed"))
		output(t, n.podman("wait", "killed"))
		if locks := rwm("restic", "list", "locks", "--no-lock"); strings.Count(locks, "\n") != 1 {
			t.Errorf("locks of a killed run: %q", locks)
		}
		if err := os.Remove(filepath.Join(n.volume, "slow")); err != nil {
			t.Fatal(err)
		}
		rwm()
	})
}
