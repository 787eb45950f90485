package harness

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"
)

// Chromium runs a headless browser, which has no network, and returns what it prints.
func Chromium(t *testing.T, args ...string) []byte {
	t.Helper()
	NotShort(t)
	NeedPrograms(t, "make packages", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(),
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000",
	}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	return out
}
