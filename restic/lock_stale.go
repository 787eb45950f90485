package restic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/printable"
)

// otherLock is a lock of another session.
type otherLock struct {
	name string
	lock *engrestic.Lock
}

// otherLocks loads the locks that this session did not take. empty reports that there
// is no lock at all.
func (s *Session) otherLocks(ctx context.Context, repo *engrepository.Repository) (locks []otherLock, empty bool, err error) {
	var names []string
	empty = true
	err = s.stack.List(ctx, engbackend.LockFile, func(fi engbackend.FileInfo) error {
		empty = false
		if _, err := engrestic.ParseID(fi.Name); err == nil && fi.Size > 0 && !s.stack.ownLock(fi.Name) {
			names = append(names, fi.Name)
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	for _, name := range names {
		id, err := engrestic.ParseID(name)
		if err != nil {
			return nil, false, err
		}
		lock, err := engrestic.LoadLock(ctx, repo, id)
		switch {
		case err == nil:
			locks = append(locks, otherLock{name, lock})
		case s.stack.IsNotExist(err): // released meanwhile
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case errors.Is(err, ErrDamaged):
			return nil, false, err
		default:
			return nil, false, &damagedError{s.loc.String(), "locks/" + name, oneLine(err) + "; unlock with RemoveAll removes it"}
		}
	}
	return locks, empty, nil
}

// clearTheWay removes stale locks and returns a LockedError for the first that
// conflicts. If there was none at all, what it returns lets the engine do without its
// own first listing.
func (s *Session) clearTheWay(ctx context.Context, repo *engrepository.Repository, exclusive bool) (*lockTaking, error) {
	taking := &lockTaking{looked: time.Now()}
	locks, empty, err := s.otherLocks(ctx, repo)
	if err != nil {
		return nil, err
	}
	if empty {
		return taking, nil
	}
	for _, l := range locks {
		if s.abandoned(l) {
			s.opts.logger.Info("removing a stale lock", "location", s.loc.String(), "lock", l.name, "host", l.lock.Hostname, "pid", l.lock.PID, "since", l.lock.Time)
			h := engbackend.Handle{Type: engbackend.LockFile, Name: l.name}
			err := s.stack.Remove(ctx, h)
			switch {
			case err == nil || s.stack.IsNotExist(err):
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case exclusive || l.lock.Exclusive:
				return nil, fmt.Errorf("%s: the stale lock %s is in the way and cannot be removed: %w", s.loc, l.name, err)
			default: // a shared lock is in nobody's way who needs one
				s.opts.logger.Warn("a stale lock cannot be removed", "location", s.loc.String(), "lock", l.name, "error", oneLine(err))
			}
			continue
		}
		if exclusive || l.lock.Exclusive {
			return nil, s.lockedError(l)
		}
	}
	return nil, nil
}

func (s *Session) lockedError(l otherLock) *LockedError {
	return &LockedError{Location: s.loc.String(), Name: l.name, Host: clip(l.lock.Hostname), PID: l.lock.PID, User: clip(l.lock.Username),
		Since: l.lock.Time, Exclusive: l.lock.Exclusive, Stale: s.stale(l), Own: s.ownProcess(l)}
}

// ownProcess reports whether a lock is of another session of this process. A process
// with the same number that has ended, such as an earlier one of a container, is not
// it.
func (s *Session) ownProcess(l otherLock) bool {
	host, err := os.Hostname()
	return err == nil && host == l.lock.Hostname && os.Getpid() == l.lock.PID && s.stack.alive.state(l.name) != processEnded
}

// clip bounds a name in a lock, which its writer chose.
func clip(name string) string { return printable.Text(name, 256) }

// expired reports whether a lock has not been refreshed for half an hour, which is
// restic's rule. The time is the real one: a clock that the caller injects, which may
// be ahead, must not take the locks of others away. A process that is known to live
// keeps its lock whatever its age, for it may have been suspended.
func (s *Session) expired(l otherLock) bool {
	return time.Since(l.lock.Time) > engrestic.StaleLockTimeout && s.stack.alive.state(l.name) != processLives
}

// abandoned reports whether a lock may be removed automatically: it has expired, or its
// process has certainly ended. What stale guesses from process numbers is not enough.
func (s *Session) abandoned(l otherLock) bool {
	return s.expired(l) || s.stack.alive.state(l.name) == processEnded
}

// pidSlack is how long after a lock a process must have started to be certainly not its
// holder.
const pidSlack = 10 * time.Second

// stale reports whether a lock looks abandoned, for Unlock and for messages. Any lock
// is stale after half an hour without a refresh, which is restic's rule. A lock of this
// host is also stale if its process has ended, or the process with that number started
// after the lock was taken.
//
// restic's own test sends SIGHUP to the process, which may by now be an unrelated one;
// this test sends nothing.
func (s *Session) stale(l otherLock) bool {
	switch s.stack.alive.state(l.name) {
	case processLives:
		return false
	case processEnded:
		return true
	}
	if s.expired(l) {
		return true
	}
	host, err := os.Hostname()
	if err != nil || host != l.lock.Hostname {
		return false
	}
	if !processExists(l.lock.PID) || processDead(l.lock.PID) {
		return true
	}
	started, ok := processStart(l.lock.PID)
	return ok && started.After(l.lock.Time.Add(pidSlack))
}
