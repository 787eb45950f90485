package harness

import (
	"os"
	"runtime/debug"
)

// Tests make much garbage and keep little: by default, a sixth of their time would go
// into collecting it. Beyond a gigabyte it is collected as often as it takes. GOGC in
// the environment stands.
func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(1 << 30)
	}
}
