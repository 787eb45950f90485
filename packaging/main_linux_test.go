package packaging_test

import (
	"os"
	"testing"
)

// Systems and containers need device files, which work on a disk only: a file system in
// memory is usually mounted nodev.
func TestMain(m *testing.M) {
	if disk := os.Getenv("RWM_DISK"); disk != "" {
		os.Setenv("TMPDIR", disk)
	}
	m.Run()
}
