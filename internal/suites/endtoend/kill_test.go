package endtoend

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/internal/harness/cheapkeys"
	"github.com/cesnet/rwm/internal/harness/resticcli"
	"github.com/cesnet/rwm/internal/harness/s3test"
)

// kills is how often a backup run is killed.
func kills() int { return harness.Size(8, 20) }

// TestKilledBackupRuns: SIGKILL at random points of a run leaves a repository
// that restic finds intact, and the next run succeeds without any help.
func TestKilledBackupRuns(t *testing.T) {
	t.Parallel()
	restic := resticcli.Current(t)
	rwm := buildRwm(t)
	server := s3test.Start(t)
	// Requests as slow as on a network: otherwise most of a run is start-up.
	server.SetLatency(t, 5*time.Millisecond)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	h := hostOf(t, server, rwm, dir, source)
	repo := resticcli.Repo{
		URL: "s3:" + server.URL + "/" + h.bucket, Password: password,
		AccessKey: server.Host.AccessKey, SecretKey: server.Host.SecretKey,
	}

	writeFile(t, filepath.Join(source, "first"), randomBytes(1<<20))
	h.run(t, "restic", "init")
	cheapkeys.Bucket(t, server.Client(t, server.Host), h.bucket, password)
	start := time.Now()
	h.run(t, "backup-all")
	whole := time.Since(start)

	for i := range kills() {
		for n := range 40 {
			writeFile(t, filepath.Join(source, fmt.Sprintf("file%d", n)), randomBytes(200<<10))
		}
		at := time.Duration(rand.Int64N(int64(whole * 3 / 2)))
		killed := h.runAndKill(t, at)
		t.Logf("run %d: killed=%v after %v", i, killed, at)
		// The killed run's lock is still there: only the check must not mind it.
		restic.MustRun(t, repo, "--no-lock", "check", "--read-data")
		h.run(t, "backup-all")
	}
	restic.MustRun(t, repo, "check", "--read-data")
	target := t.TempDir()
	h.run(t, "restic", "restore", "latest", "--target", target)
	expectEqualTrees(t, source, filepath.Join(target, source))
}

// host is a machine with an rwm.conf for a policed bucket.
type host struct{ rwm, conf, adminConf, bucket, cache string }

func hostOf(t *testing.T, server *s3test.Server, rwm, dir, source string) host {
	t.Helper()
	h := host{
		rwm: rwm, conf: filepath.Join(dir, "rwm.conf"), adminConf: filepath.Join(dir, "admin.conf"),
		bucket: server.Bucket(t), cache: filepath.Join(dir, "cache"),
	}
	for file, id := range map[string]s3test.Identity{h.conf: server.Host, h.adminConf: server.Admin} {
		conf := fmt.Sprintf("s3_endpoint_url: %q\ns3_access_key: %q\ns3_secret_key: %q\nrestic_bucket: %q\nrestic_password: %q\nlock_path: %q\nbackups:\n  source:\n    filesdirs: [%q]\n",
			server.URL, id.AccessKey, id.SecretKey, h.bucket, password, filepath.Join(dir, id.Name+".lock"), source)
		must(t, os.WriteFile(file, []byte(conf), 0o600))
	}
	out, err := h.command(h.adminConf, "storage-create", h.bucket, server.Host.Name).CombinedOutput()
	if err != nil {
		t.Fatalf("storage-create: %v\n%s", err, out)
	}
	return h
}

func (h host) command(conf string, args ...string) *exec.Cmd {
	cmd := exec.Command(h.rwm, append([]string{"--config", conf}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+h.cache)
	return cmd
}

func (h host) run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := h.command(h.conf, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("rwm %q: %v\n%s", args, err, out)
	}
	return out
}

// runAndKill says whether the run was still going when it was killed.
func (h host) runAndKill(t *testing.T, after time.Duration) bool {
	t.Helper()
	cmd := h.command(h.conf, "backup-all")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	time.Sleep(after)
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		return false
	}
	if cmd.ProcessState.Exited() {
		t.Fatalf("the run failed by itself: %v\n%s", cmd.ProcessState, out.Bytes())
	}
	return true
}

// buildRwm returns the rwm command: the one "make build" left, or one made now.
func buildRwm(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("RWM_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "rwm")
	if out, err := exec.Command("go", "build", "-o", bin, "../../../cmd/rwm").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}
