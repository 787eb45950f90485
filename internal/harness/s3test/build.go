package s3test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

var built = sync.OnceValues(build)

func binary(t testing.TB) string {
	t.Helper()
	path, err := binaryPath()
	if err != nil {
		t.Fatalf("s3test: %v", err)
	}
	return path
}

func binaryPath() (string, error) {
	if path := os.Getenv("RWM_S3DEV"); path != "" {
		return path, nil
	}
	return built()
}

// build makes the s3dev binary, once for each test process; the go command
// finds out by itself that nothing has changed. Test processes of several
// packages take turns.
func build() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("the source directory is not known")
	}
	module := filepath.Join(filepath.Dir(file), "..", "..", "..", "s3dev")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "rwm-s3test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	lock := flock.New(filepath.Join(dir, "lock"))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	defer lock.Close()
	path := filepath.Join(dir, "s3dev"+exe())
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-buildvcs=false", "-o", path, "./cmd/s3dev")
	cmd.Env = append(os.Environ(), "GOFLAGS=") // not -race or -cover of the caller
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build s3dev: %w\n%s", err, out)
	}
	return path, nil
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
