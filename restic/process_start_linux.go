package restic

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHz is the unit of the times in /proc/PID/stat; Linux shows them in 1/100 s on
// every architecture Go supports (proc(5), USER_HZ).
const userHz = 100

// statFields returns the fields of /proc/PID/stat from the third on.
func statFields(pid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// the second field is the command in parentheses and may contain anything
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// processDead reports whether a process has ended and only waits for its parent to
// notice.
func processDead(pid int) bool {
	fields := statFields(pid)
	return len(fields) > 0 && (fields[0] == "Z" || fields[0] == "X")
}

// processStart returns when a process was started, from the 22nd field of
// /proc/PID/stat (ticks since boot) and the time of boot.
func processStart(pid int) (time.Time, bool) {
	fields := statFields(pid)
	const start = 22 - 3
	if len(fields) <= start {
		return time.Time{}, false
	}
	ticks, err := strconv.ParseInt(fields[start], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	boot, ok := bootTime()
	return boot.Add(time.Duration(ticks) * time.Second / userHz), ok
}

func bootTime() (time.Time, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, false
	}
	for line := range strings.Lines(string(stat)) {
		if value, found := strings.CutPrefix(line, "btime "); found {
			sec, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Unix(sec, 0), err == nil
		}
	}
	return time.Time{}, false
}
