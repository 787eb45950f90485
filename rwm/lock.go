package rwm

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// runLock keeps two backup runs of a host apart. It is a lock of the operating
// system, so it goes when the process goes, however that happens; the file stays
// and says who holds it.
type runLock struct{ file *flock.Flock }

// isLockFile matches what may be in a lock file: nothing, or a process id and
// perhaps more about it. Anything else would be lost if it were one.
var isLockFile = regexp.MustCompile(`^(\d{1,10}(\s.{0,300})?)?\s*$`)

// takeRunLock takes the lock at path or returns a *RunLockedError.
func takeRunLock(path string, now time.Time) (*runLock, error) {
	// Before it is locked: on Windows nobody can read it afterwards.
	if text, err := os.ReadFile(path); err == nil && !isLockFile.Match(text) {
		return nil, fmt.Errorf("run lock (lock_path): %s is no lock file but has other content; nothing was done", path)
	}
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o644))
	locked, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("run lock (lock_path): %w; nothing was done", err)
	}
	if !locked {
		return nil, lockHolder(path)
	}
	// Only for the message of whoever comes second: failing to write it is no reason to stop.
	host, _ := os.Hostname()
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d %s %s\n", os.Getpid(), now.Format(time.RFC3339), host), 0o644)
	return &runLock{file}, nil
}

// release frees the lock. The file is emptied, not removed: removing it would
// let two later runs lock two different files.
func (l *runLock) release() {
	_ = os.Truncate(l.file.Path(), 0)
	_ = l.file.Close()
}

func lockHolder(path string) *RunLockedError {
	result := &RunLockedError{Path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		return result
	}
	var since string
	if n, _ := fmt.Fscan(strings.NewReader(string(text)), &result.PID, &since, &result.Host); n == 3 {
		result.Since, _ = time.Parse(time.RFC3339, since)
		return result
	}
	return &RunLockedError{Path: path}
}
