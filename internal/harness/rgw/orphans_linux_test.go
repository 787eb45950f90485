package rgw_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A test run that is killed must not leave daemons behind that hold memory and ports.
func TestDaemonsDieWithAKilledParent(t *testing.T) {
	needCeph(t)
	tmp := t.TempDir()
	bin, dir, ready := filepath.Join(tmp, "withrgw"), clusterDir(t), filepath.Join(tmp, "ready")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/withrgw").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(bin, "-root", otherRoot(), "-dir", dir, "--", "sh", "-c", `echo "$RWM_TEST_S3" >"$0"; read wait`, ready)
	stdin, err := cmd.StdinPipe() // closing it ends the read, and so the program that is run
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster to be ready", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	dir = strings.TrimPrefix(dir, otherRoot()) // as the daemons see it
	if n := daemons(t, dir); n != 3 {
		t.Errorf("%d daemons before the kill, want 3", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	stdin.Close() //nolint:errcheck // ends the program
	cmd.Wait()    //nolint:errcheck // killed
	eventually(t, "the daemons to be gone", func() bool { return daemons(t, dir) == 0 })
}

// daemons counts the processes that run on the configuration of the cluster in dir.
func daemons(t *testing.T, dir string) (n int) {
	t.Helper()
	cmdlines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cmdlines {
		args, err := os.ReadFile(path)
		if err == nil && bytes.Contains(args, []byte(filepath.Join(dir, "ceph.conf"))) {
			n++
		}
	}
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}
