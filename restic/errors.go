package restic

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/s3err"
)

// Errors returned by this package, for errors.Is. The text of every error names the
// location, the object or the path.
var (
	// ErrNoRepository: there is no repository at the location. Init makes one.
	ErrNoRepository = errors.New("no repository")
	// ErrNoBucket: the bucket of the location does not exist. It comes together with
	// ErrNoRepository.
	ErrNoBucket = s3err.ErrNoBucket
	// ErrExists: Init found a repository (or the remains of one) and left it untouched.
	ErrExists = errors.New("a repository exists already")
	// ErrWrongPassword: no key of the repository opens with the password.
	ErrWrongPassword = errors.New("wrong password")
	// ErrTooManyKeys: the repository has so many keys, or such expensive ones, that not
	// all were tried. WithKeyHint names the right one.
	ErrTooManyKeys = errors.New("too many keys to try")
	// ErrAccessDenied: the storage refused the credentials or what they asked for.
	ErrAccessDenied = s3err.ErrAccessDenied
	// ErrCredentials: the storage does not accept the credentials. It is an
	// ErrAccessDenied, too.
	ErrCredentials = s3err.ErrCredentials
	// ErrUnreachable: the storage did not answer: no such host, connection refused, TLS
	// failure, timeout.
	ErrUnreachable = s3err.ErrUnreachable
	// ErrLocked: another process holds a conflicting lock; the error is a *LockedError
	// with the details.
	ErrLocked = errors.New("repository is locked")
	// ErrLockLost: the session's lock could not be refreshed or was removed by another
	// process, so the operation was stopped before it could do harm. The next call
	// takes a new lock.
	ErrLockLost = errors.New("lock was lost")
	// ErrLockLeft: the session's lock could not be removed from the storage. Unlock
	// removes it, and so does the next session of this host. Without a lock directory
	// (see WithLockDir) it is stale in half an hour, or to Unlock once its process has
	// ended.
	ErrLockLeft = errors.New("the lock could not be removed")
	// ErrIncomplete: the snapshot was made, but some of the source could not be read
	// (restic's exit code 3).
	ErrIncomplete = errors.New("some of the source could not be read")
	// ErrNotRemoved: Forget could not remove some snapshots; the error is a
	// *RemoveError (restic's exit code 3).
	ErrNotRemoved = errors.New("some snapshots could not be removed")
	// ErrNoSource: none of the paths to back up exists. Nothing was written.
	ErrNoSource = errors.New("none of the paths to back up exists")
	// ErrEmptySource: the Reader or Command to back up gave no data, and AllowEmpty was
	// not set. No snapshot was made.
	ErrEmptySource = errors.New("the stream to back up is empty")
	// ErrReaderBusy: a Read of the caller's Reader was still in progress when the
	// backup had to end, so the Reader is still in use.
	ErrReaderBusy = errors.New("the reader is still in use")
	// ErrReadOnly: the session was opened for reading only (WithoutLock) and the call
	// would write.
	ErrReadOnly = errors.New("session is read-only")
	// ErrNoSnapshot: no snapshot matches.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrDamaged: an object of the repository is truncated or altered.
	ErrDamaged = s3err.ErrDamaged
	// ErrUnsupported: the repository has a format this version cannot use.
	ErrUnsupported = errors.New("unsupported repository")
	// ErrNotApplicable: Migrate found nothing to migrate, and the error says why.
	ErrNotApplicable = errors.New("cannot be applied")
	// ErrReaderOpen: an operation that needs an exclusive lock (forget, prune and the
	// like) was called on a session with an open Reader, such as that of a mount.
	ErrReaderOpen = errors.New("a reader of this session is open")
	// ErrClosed: the session was closed.
	ErrClosed = errors.New("session is closed")
	// ErrStillRunning: CloseContext gave up waiting for running operations.
	ErrStillRunning = errors.New("operations of the session are still running")
	// ErrNoPath: a snapshot has no such path. It is fs.ErrNotExist, too.
	ErrNoPath error = noPathError{}
)

// LockedError describes a conflicting lock. errors.Is(err, ErrLocked) is true.
type LockedError struct {
	Location string
	Name     string    // name of the lock object
	Host     string    // host that took the lock
	PID      int       // process on that host
	User     string    // user of that process
	Since    time.Time // when the lock was taken or last refreshed
	// taken for forget, prune and the like; a lock that is not exclusive belongs to a
	// backup or a reader
	Exclusive bool
	Stale     bool // not refreshed for half an hour, or its process has ended
	// Own reports that this process holds the lock, by another session; closing that
	// session removes it. The host name and the process ID show it.
	Own bool
}

// Error names the lock's holder and what to do.
func (e *LockedError) Error() string {
	kind := ""
	if e.Exclusive {
		kind = "exclusively "
	}
	if e.Own {
		return fmt.Sprintf("%s: %v %sby another session of this process since %s (lock %s); close that session first (a lock that Close could not remove is stale in half an hour)",
			e.Location, ErrLocked, kind, e.Since.Format(time.RFC3339), short(e.Name))
	}
	return fmt.Sprintf("%s: %v %sby process %d of %s on host %s since %s (lock %s); wait for it to end, or remove the lock with unlock if that process is gone",
		e.Location, ErrLocked, kind, e.PID, e.User, e.Host, e.Since.Format(time.RFC3339), short(e.Name))
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// short abbreviates an object's name for messages.
func short(name string) string {
	if len(name) > 8 {
		return name[:8]
	}
	return name
}

// oneLine is an error's text for logs, events and messages, which are one line each.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

type noPathError struct{}

func (noPathError) Error() string { return "no such path in the snapshot" }

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (noPathError) Is(target error) bool { return target == fs.ErrNotExist }
