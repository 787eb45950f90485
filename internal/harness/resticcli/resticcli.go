// Package resticcli runs the real restic command in tests: the release whose
// engine RWM links, and Debian's older one.
package resticcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/internal/harness"
)

// A CLI is one restic binary.
type CLI struct {
	Name string // for sub-test names
	path string
}

// A Repo is where and with which secrets a CLI works. Everything is handed over
// in the environment: a secret in an argument would be visible to every user.
//
// A repository on the server of RWM_TEST_S3 is used over HTTPS if RWM_TEST_S3_TLS says
// where: over plain HTTP, restic up to 0.19.1 leaves the content type out of what it
// signs, and RGW 20 refuses each of its uploads (403).
type Repo struct {
	URL       string // as in RESTIC_REPOSITORY
	Password  string
	AccessKey string
	SecretKey string
	CacheDir  string // "" runs with --no-cache
}

// A Result is what one run left.
type Result struct {
	Stdout, Stderr []byte
	Code           int
}

// Current is restic v0.19.1, built by "make tools".
func Current(t testing.TB) *CLI {
	t.Helper()
	path := os.Getenv("RWM_RESTIC")
	if path == "" {
		_, here, _, _ := runtime.Caller(0)
		path = filepath.Join(filepath.Dir(here), "..", "..", "..", ".tools", "restic")
	}
	return find(t, "restic-0.19.1", path, "make tools")
}

// Debian is the restic package of the distribution.
func Debian(t testing.TB) *CLI {
	t.Helper()
	return find(t, "restic-debian", "/usr/bin/restic", "apt-get install restic")
}

func find(t testing.TB, name, path, advice string) *CLI {
	t.Helper()
	harness.NotShort(t)
	if _, err := os.Stat(path); err != nil {
		harness.NotInstalled(t, fmt.Sprintf("%s is not there: %v (%s)", name, err, advice))
	}
	return &CLI{Name: name, path: path}
}

// Path is the binary, for a test that starts it itself.
func (c *CLI) Path() string { return c.path }

// cert is the environment variable with the certificate of RWM_TEST_S3_TLS.
const cert = "RWM_TEST_S3_CERT"

// Env is the environment in which the command works on r.
func (r Repo) Env() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"RESTIC_REPOSITORY=" + r.URL, "RESTIC_PASSWORD=" + r.Password,
		"AWS_ACCESS_KEY_ID=" + r.AccessKey, "AWS_SECRET_ACCESS_KEY=" + r.SecretKey,
	}
	if r.CacheDir != "" {
		env = append(env, "RESTIC_CACHE_DIR="+r.CacheDir)
	}
	if plain, tls := os.Getenv("RWM_TEST_S3"), os.Getenv("RWM_TEST_S3_TLS"); tls != "" {
		if at, ok := strings.CutPrefix(r.URL, "s3:"+plain+"/"); ok {
			env = append(env, "RESTIC_REPOSITORY=s3:"+tls+"/"+at, "RESTIC_CACERT="+os.Getenv(cert))
		}
	}
	return env
}

// Run runs the command and returns its output and exit code. It never fails the test.
func (c *CLI) Run(t testing.TB, r Repo, args ...string) Result {
	t.Helper()
	return c.RunIn(t, "", r, args...)
}

// RunIn is Run in a working directory.
func (c *CLI) RunIn(t testing.TB, dir string, r Repo, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if r.CacheDir == "" {
		args = append([]string{"--no-cache"}, args...)
	}
	if file := os.Getenv(cert); file != "" {
		args = append([]string{"--cacert", file}, args...) // Debian's knows no RESTIC_CACERT
	}
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir, cmd.Env = dir, r.Env()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v", c.Name, args, err)
	}
	return Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Code: cmd.ProcessState.ExitCode()}
}

// MustRun is Run for a command that has to succeed.
func (c *CLI) MustRun(t testing.TB, r Repo, args ...string) Result {
	t.Helper()
	return c.MustRunIn(t, "", r, args...)
}

// MustRunIn is MustRun in a working directory.
func (c *CLI) MustRunIn(t testing.TB, dir string, r Repo, args ...string) Result {
	t.Helper()
	res := c.RunIn(t, dir, r, args...)
	if res.Code != 0 {
		t.Fatalf("%s %v: exit code %d\n%s%s", c.Name, args, res.Code, res.Stdout, res.Stderr)
	}
	return res
}
