package rwm

import (
	"errors"
	"fmt"
	"io/fs"
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

// lockFileMode lets only the owner open the file: who can open it can lock it, and
// then no backup runs any more.
const lockFileMode fs.FileMode = 0o600

// takeRunLock takes the lock at path or returns a *RunLockedError.
func takeRunLock(path string, now time.Time) (*runLock, error) {
	if err := checkLockFile(path); err != nil {
		return nil, fmt.Errorf("run lock (lock_path): %w; nothing was done", err)
	}
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|openSafely), flock.SetPermissions(lockFileMode))
	locked, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("run lock (lock_path): %w; nothing was done", err)
	}
	if !locked {
		return nil, lockHolder(path)
	}
	// Only for the message of the run that comes second: failing to write it is no
	// reason to stop.
	host, _ := os.Hostname()
	lock := &runLock{file}
	lock.write(fmt.Appendf(nil, "%d %s %s\n", os.Getpid(), now.Format(time.RFC3339), host))
	return lock, nil
}

// write replaces the content of the lock file. If something else has its name by now,
// it is left alone: a link would lead to any file of the user who runs the backup.
func (l *runLock) write(text []byte) {
	file, err := os.OpenFile(l.file.Path(), os.O_WRONLY|openSafely, 0)
	if err != nil {
		return
	}
	defer file.Close() //nolint:errcheck // only for the message of another run
	locked, err := l.file.Stat()
	now, nowErr := file.Stat()
	if err != nil || nowErr != nil || !os.SameFile(locked, now) {
		return
	}
	if file.Truncate(0) == nil {
		_, _ = file.Write(text)
	}
}

// checkLockFile refuses what is no lock file, before it is opened: opening a named
// pipe would wait for a writer at its other end.
func checkLockFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file but %s", path, describeMode(info.Mode()))
	}
	// Before it is locked: on Windows nobody can read it afterwards.
	file, err := os.OpenFile(path, os.O_RDONLY|openSafely, 0)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // opened for reading
	if !isLockFile.Match(readSome(file)) {
		return fmt.Errorf("%s is not a lock file: it has other content", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		// Earlier versions made it readable by everybody. That it cannot be
		// changed, because another user owns it, is no reason to stop.
		_ = file.Chmod(lockFileMode)
	}
	return nil
}

func readSome(file *os.File) []byte {
	text := make([]byte, 4096)
	n, _ := file.Read(text) // an empty file is io.EOF
	return text[:n]
}

func describeMode(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	case fs.ModeSocket:
		return "a socket"
	default:
		return "a device"
	}
}

// release frees the lock. The file is emptied, not removed: removing it would
// let two later runs lock two different files.
func (l *runLock) release() {
	l.write(nil)
	_ = l.file.Close()
}

func lockHolder(path string) *RunLockedError {
	result := &RunLockedError{Path: path}
	file, err := os.OpenFile(path, os.O_RDONLY|openSafely, 0)
	if err != nil {
		return result
	}
	defer file.Close() //nolint:errcheck // opened for reading
	var since string
	if n, _ := fmt.Fscan(strings.NewReader(string(readSome(file))), &result.PID, &since, &result.Host); n == 3 {
		result.Since, _ = time.Parse(time.RFC3339, since)
		return result
	}
	return &RunLockedError{Path: path}
}
