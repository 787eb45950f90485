//go:build race

package harness

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Under the race detector a test process stays on the processor that the kernel began
// it on, with as many goroutines running at a time as before. The detector reads each
// page of its memory before it writes there, and the kernel then tells all processors
// on which the process has run: a third of the processor time. Several packages are
// tested beside each other, so the other processors are not idle. GOMAXPROCS in the
// environment takes precedence.
func init() {
	if os.Getenv("GOMAXPROCS") != "" || runtime.NumCPU() > 4 {
		return
	}
	here, ok := processor()
	if !ok {
		return
	}
	var one unix.CPUSet
	one.Set(here)
	tasks, _ := filepath.Glob("/proc/self/task/*")
	for _, task := range tasks { // those to come have it from these
		if id, err := strconv.Atoi(filepath.Base(task)); err == nil {
			_ = unix.SchedSetaffinity(id, &one)
		}
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0)) // Go would adapt it
}

// processor is the number of the processor that this process runs on (proc(5), field 39
// of stat).
func processor() (int, bool) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 37 {
		return 0, false
	}
	n, err := strconv.Atoi(fields[36])
	return n, err == nil
}
