package restic

import (
	"errors"
	"fmt"
	"time"
)

// The errors a caller may want to tell apart with errors.Is. Every error returned by this package names the place (the
// location, the object, the path) in its text.
var (
	// ErrNoRepository: there is no repository at the location. Init makes one.
	ErrNoRepository = errors.New("no repository")
	// ErrNoBucket: the bucket of the location does not exist. It comes together with ErrNoRepository.
	ErrNoBucket = errors.New("no such bucket")
	// ErrExists: Init found a repository (or the remains of one) and left it untouched.
	ErrExists = errors.New("a repository exists already")
	// ErrWrongPassword: no key of the repository opens with the password.
	ErrWrongPassword = errors.New("wrong password")
	// ErrAccessDenied: the storage refused the credentials or what they asked for.
	ErrAccessDenied = errors.New("access denied")
	// ErrUnreachable: the storage did not answer: no such host, connection refused, TLS failure, timeout.
	ErrUnreachable = errors.New("storage unreachable")
	// ErrLocked: somebody else's lock is in the way; the error is a *LockedError with the details.
	ErrLocked = errors.New("repository is locked")
	// ErrLockLost: the session's lock could not be refreshed or was removed by somebody else, so the operation was
	// stopped before it could do harm. The next call takes a new lock.
	ErrLockLost = errors.New("lock was lost")
	// ErrLockLeft: the session's lock could not be removed from the storage. Unlock removes it, and so does the next session of this host.
	ErrLockLeft = errors.New("the lock could not be removed")
	// ErrIncomplete: the snapshot was made, but some of the source could not be read (restic's exit code 3).
	ErrIncomplete = errors.New("some of the source could not be read")
	// ErrNoSource: none of the paths to back up exists. Nothing was written.
	ErrNoSource = errors.New("none of the paths to back up exists")
	// ErrReadOnly: the session was opened for reading only (WithoutLock) and the call would write.
	ErrReadOnly = errors.New("session is read-only")
	// ErrNoSnapshot: no snapshot answers the description.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrDamaged: an object of the repository is too short, cut off or altered.
	ErrDamaged = errors.New("damaged object")
	// ErrUnsupported: the repository has a format this version cannot use.
	ErrUnsupported = errors.New("unsupported repository")
	// ErrNotApplicable: Migrate found nothing to migrate, and the error says why.
	ErrNotApplicable = errors.New("cannot be applied")
	// ErrReaderOpen: what needs the repository for itself (forget, prune and the like) was asked of a session with an open Reader, as a mount has one.
	ErrReaderOpen = errors.New("a reader of this session is open")
	// ErrClosed: the session was closed.
	ErrClosed = errors.New("session is closed")
)

// LockedError tells who holds the lock that is in the way. errors.Is(err, ErrLocked) is true.
type LockedError struct {
	Location  string
	Name      string    // name of the lock object
	Host      string    // host that took the lock
	PID       int       // process on that host
	User      string    // user of that process
	Since     time.Time // when the lock was taken or last refreshed
	Exclusive bool      // taken for forget, prune and the like; a lock that is not exclusive belongs to a backup or a reader
	Stale     bool      // nobody refreshed it for half an hour, or its process is gone
}

// Error says whose lock it is and what can be done.
func (e *LockedError) Error() string {
	kind := ""
	if e.Exclusive {
		kind = "exclusively "
	}
	return fmt.Sprintf("%s: %v %sby process %d of %s on host %s since %s (lock %s); wait for it to end, or remove the lock with unlock if that process is gone",
		e.Location, ErrLocked, kind, e.PID, e.User, e.Host, e.Since.Format(time.RFC3339), short(e.Name))
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// short cuts an object's name to what people read.
func short(name string) string {
	if len(name) > 8 {
		return name[:8]
	}
	return name
}
