package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// engine runs containers with podman, below a directory of its own. It also answers as
// Docker does on a socket, for docker-compose.
type engine struct{ dir string }

// limits are set for every container: podman's own are higher than some machines let
// root set.
var limits = []string{"--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"}

const override = "services: {rwm: {network_mode: host, ulimits: {nofile: 1024, nproc: 4096}}}\n"

// newEngine skips the test where containers are impossible.
func newEngine(t *testing.T) *engine {
	t.Helper()
	if os.Getuid() != 0 {
		harness.NotHere(t, "only root can run containers here")
	}
	need(t, "podman", "runc", "docker-compose", "mmdebstrap")
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := probe.Run(); err != nil {
		harness.NotHere(t, "no containers, as root may not make namespaces: "+err.Error())
	}
	// With Unshareflags, Go makes / private, as programs that unpack images do. In a
	// chroot that is impossible: / is no mount there.
	probe = exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := probe.Run(); err != nil {
		harness.NotHere(t, "no containers in a chroot, where / cannot be made private: "+err.Error())
	}
	dir, err := os.MkdirTemp("", "engine") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	if onOverlay(t, dir) {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
		harness.NotHere(t, "no containers: podman lays an overlay over images, and the kernel has none over the overlay that holds "+dir)
	}
	e := &engine{dir}
	t.Cleanup(func() {
		e.podman("rm", "--force", "--all", "--time=0").Run()             //nolint:errcheck // the rest is removed all the same
		syscall.Unmount(filepath.Join(dir, "root", "overlay"), 0)        //nolint:errcheck // perhaps it is no mount
		if err := os.RemoveAll(dir); err != nil && !os.IsNotExist(err) { // what is still mounted would be seen here
			t.Error(err)
		}
	})
	return e
}

// onOverlay reports whether a directory lies on an overlay, as in a container or in a
// chroot into one.
func onOverlay(t *testing.T, dir string) bool {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	const overlayfs = 0x794c7630 // OVERLAYFS_SUPER_MAGIC of linux/magic.h
	return int64(fs.Type) == overlayfs
}

func (e *engine) podman(args ...string) *exec.Cmd {
	return exec.Command("podman", append([]string{"--runtime=runc", "--root=" + e.dir + "/root", "--runroot=" + e.dir + "/run", "--storage-driver=overlay"}, args...)...)
}

// run is docker run with the same options; read-only means that nothing is writable but
// volumes, as in Docker.
func (e *engine) run(args ...string) *exec.Cmd {
	return e.podman(append(append([]string{"run", "--rm", "--network=host", "--read-only", "--read-only-tmpfs=false"}, limits...), args...)...)
}

// listen starts the socket and returns the variables that docker-compose needs.
func (e *engine) listen(t *testing.T) string {
	t.Helper()
	url := "unix://" + e.dir + "/socket"
	service := e.podman("system", "service", "--time=0", url)
	service.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait tells
		service.Wait()                          //nolint:errcheck // it was told to end
	})
	eventually(t, "podman to listen", func() bool {
		_, err := os.Stat(e.dir + "/socket")
		return err == nil
	})
	return "DOCKER_HOST=" + url
}

// build builds the recipe as podman build or docker build would, on local stand-ins for
// the two images that it names: no registry can be asked. The one for Go is Debian with
// this machine's Go, its module cache as the proxy and its build cache.
func (e *engine) build(t *testing.T, version string) {
	t.Helper()
	text, err := os.ReadFile("container/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(from) != 2 || !strings.Contains(from[0][1], "/golang:") || !strings.Contains(from[1][1], "/debian:stable") {
		t.Fatalf("the recipe is made from other images than this test knows: %q", from)
	}
	golang, debian := from[0][1], from[1][1]
	output(t, e.podman("import", debianStable(t), debian))
	stand := e.podman("build", "--pull=never", "--network=host", "--tag="+golang, "--file=-", e.dir)
	stand.Stdin = strings.NewReader("FROM " + debian + "\nENV PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin GOTOOLCHAIN=local GOPROXY=file:///root/go/pkg/mod/cache/download\n")
	output(t, stand)

	mod := exec.Command("go", "mod", "download")
	mod.Dir = ".."
	output(t, mod)
	env := exec.Command("go", "env", "GOROOT", "GOMODCACHE", "GOCACHE")
	env.Dir = ".."
	dirs := strings.Fields(output(t, env))
	cmd := e.podman("build", "--pull=never", "--layers=false", "--network=host", limits[0], limits[1],
		"--volume="+dirs[0]+":/usr/local/go:ro", "--volume="+dirs[1]+":/root/go/pkg/mod:ro", "--volume="+dirs[2]+":/root/.cache/go-build",
		"--file=packaging/container/Dockerfile", "--build-arg=VERSION="+version, "--tag=rwm", ".")
	cmd.Dir = ".."
	output(t, cmd)
}

// debianStable returns a tarball of Debian's smallest installation, made from the
// mirror that this machine's apt uses and kept for a month.
func debianStable(t *testing.T) string {
	t.Helper()
	tools := absolute(t, "../.tools")
	tar := filepath.Join(tools, "debian-stable.tar")
	if info, err := os.Stat(tar); err == nil && time.Since(info.ModTime()) < 30*24*time.Hour {
		return tar
	}
	if err := os.MkdirAll(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	sites := output(t, exec.Command("apt-get", "indextargets", "--format=$(SITE)", "Created-By: Packages", "Origin: Debian", "Label: Debian"))
	mirror, _, found := strings.Cut(sites, "\n")
	if !found {
		t.Fatal("apt knows no mirror of Debian (apt-get update)")
	}
	// The target's own directory: a half of one must never have its name.
	part := filepath.Join(tools, "debian-stable.part.tar")
	output(t, exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "stable", part, "deb "+mirror+" stable main"))
	if err := os.Rename(part, tar); err != nil {
		t.Fatal(err)
	}
	return tar
}
