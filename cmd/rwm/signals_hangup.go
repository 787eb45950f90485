//go:build !windows

package main

import (
	"bytes"
	"os"
	"strconv"
)

// hangupIgnored reports whether the program was started with SIGHUP ignored, as
// nohup does. signal.Ignored cannot tell: restic's engine has caught the signal
// meanwhile and given it back. Where /proc does not say, it is not ignored.
func hangupIgnored() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, after, found := bytes.Cut(status, []byte("\nSigIgn:\t"))
	if !found {
		return false
	}
	mask, _, _ := bytes.Cut(after, []byte("\n"))
	ignored, err := strconv.ParseUint(string(mask), 16, 64)
	return err == nil && ignored&1 != 0 // bit 0 is signal 1, SIGHUP
}
