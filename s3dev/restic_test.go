package s3dev_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

func needRestic(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("restic")
	switch {
	case testing.Short():
		t.Skip("not in make quick")
	case err != nil && os.Getenv("RWM_REQUIRE") != "":
		t.Fatal("restic is not installed (apt-get install restic)")
	case err != nil:
		t.Skip("restic is not installed (apt-get install restic)")
	}
}

// TestRestic lets the restic command work on a policed bucket as the host.
func TestRestic(t *testing.T) {
	needRestic(t)
	e := start(t)
	c := e.bucket("repository", true)
	e.police("repository")
	dir := t.TempDir()
	data := make([]byte, 5<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	e.ok(os.WriteFile(filepath.Join(dir, "file"), data, 0o600))
	restic := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("restic", args...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+hostUser.AccessKey, "AWS_SECRET_ACCESS_KEY="+hostUser.SecretKey,
			"RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=s3:"+e.URL()+"/repository", "RESTIC_CACHE_DIR="+filepath.Join(dir, "cache"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("restic %s: %v\n%s", args[0], err, out)
		}
		return string(out)
	}
	restic("init")
	restic("backup", filepath.Join(dir, "file"))
	e.ok(os.WriteFile(filepath.Join(dir, "file"), data[:1<<20], 0o600))
	restic("backup", filepath.Join(dir, "file"))
	restic("forget", "--keep-last", "1", "--prune")
	if out := restic("check", "--read-data"); !strings.Contains(out, "no errors were found") {
		t.Errorf("check: %s", out)
	}
	restic("restore", "latest", "--target", filepath.Join(dir, "out"))
	got, err := os.ReadFile(filepath.Join(dir, "out", dir, "file"))
	if err != nil || !bytes.Equal(got, data[:1<<20]) {
		t.Errorf("restored %d bytes, %v", len(got), err)
	}
	if got := e.history(c, "repository"); !strings.Contains(got, "marker latest") {
		t.Errorf("pruning left no delete markers: %s", got)
	}
}

// TestResticLocked lets restic work where every version is locked for a month.
func TestResticLocked(t *testing.T) {
	needRestic(t)
	t.Parallel()
	dialects := []s3dev.Dialect{s3dev.RGW}
	if os.Getenv("RWM_TEST_ALL") != "" {
		dialects = s3dev.Dialects()
	}
	for _, dialect := range dialects {
		if dialect == s3dev.SeaweedFS || dialect == s3dev.VersityGW {
			continue // another policy
		}
		e := start(t, func(c *s3dev.Config) { c.Dialect = dialect })
		c := e.lockedBucket("repository")
		mode, days, unit := minio.Compliance, uint(30), minio.Days
		e.ok(c.SetObjectLockConfig(t.Context(), "repository", &mode, &days, &unit))
		dir := t.TempDir()
		e.ok(os.WriteFile(filepath.Join(dir, "file"), []byte("first"), 0o600))
		restic := func(args ...string) {
			t.Helper()
			cmd := exec.Command("restic", args...)
			cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+hostUser.AccessKey, "AWS_SECRET_ACCESS_KEY="+hostUser.SecretKey,
				"RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=s3:"+e.URL()+"/repository", "RESTIC_CACHE_DIR="+filepath.Join(dir, "cache"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: restic %s: %v\n%s", dialect, args[0], err, out)
			}
		}
		restic("init")
		restic("backup", filepath.Join(dir, "file"))
		e.ok(os.WriteFile(filepath.Join(dir, "file"), []byte("second"), 0o600))
		restic("backup", filepath.Join(dir, "file"))
		restic("forget", "--keep-last", "1", "--prune")
		restic("check", "--read-data")
	}
}
