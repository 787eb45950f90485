package restic

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// otherLock is a lock of somebody else.
type otherLock struct {
	name string
	lock *restic.Lock
}

// otherLocks loads the locks that this session did not take.
func (s *Session) otherLocks(ctx context.Context, repo *repository.Repository) ([]otherLock, error) {
	var names []string
	err := s.stack.List(ctx, backend.LockFile, func(fi backend.FileInfo) error {
		if _, err := restic.ParseID(fi.Name); err == nil && fi.Size > 0 && !s.stack.ownLock(fi.Name) {
			names = append(names, fi.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var locks []otherLock
	for _, name := range names {
		id, err := restic.ParseID(name)
		if err != nil {
			return nil, err
		}
		lock, err := restic.LoadLock(ctx, repo, id)
		switch {
		case err == nil:
			locks = append(locks, otherLock{name, lock})
		case s.stack.IsNotExist(err): // given back meanwhile
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrDamaged):
			return nil, err
		default:
			return nil, &damagedError{s.loc.String(), "locks/" + name, oneLine(err) + "; unlock with RemoveAll removes it"}
		}
	}
	return locks, nil
}

// clearTheWay removes stale locks and returns a LockedError for the first that is in the way.
func (s *Session) clearTheWay(ctx context.Context, repo *repository.Repository, exclusive bool) error {
	locks, err := s.otherLocks(ctx, repo)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if s.abandoned(l) {
			s.opts.logger.Info("removing a stale lock", "location", s.loc.String(), "lock", l.name, "host", l.lock.Hostname, "pid", l.lock.PID, "since", l.lock.Time)
			h := backend.Handle{Type: backend.LockFile, Name: l.name}
			if err := s.stack.Remove(ctx, h); err != nil && !s.stack.IsNotExist(err) {
				return err
			}
			continue
		}
		if exclusive || l.lock.Exclusive {
			return s.lockedError(l)
		}
	}
	return nil
}

func (s *Session) lockedError(l otherLock) *LockedError {
	return &LockedError{Location: s.loc.String(), Name: l.name, Host: l.lock.Hostname, PID: l.lock.PID, User: l.lock.Username,
		Since: l.lock.Time, Exclusive: l.lock.Exclusive, Stale: s.stale(l.lock)}
}

// abandoned reports whether a lock may be removed without being asked: nobody has refreshed it for half an hour, or it is known for certain
// that its process has ended. What stale guesses from process numbers is not enough for that.
func (s *Session) abandoned(l otherLock) bool {
	return s.opts.clock().Sub(l.lock.Time) > restic.StaleLockTimeout || s.stack.alive.dead(l.name)
}

// pidSlack is how much later than a lock a process must have started to be certainly not the one that took it.
const pidSlack = 10 * time.Second

// stale reports whether a lock looks abandoned, for Unlock and for messages. A lock of any host is after half an hour without a refresh, which is restic's rule; one of this
// host is, too, when its process is gone or the process with that number started after the lock was taken.
//
// restic's own test sends a SIGHUP to the process, which may by now be somebody else's; this one only looks.
func (s *Session) stale(l *restic.Lock) bool {
	if s.opts.clock().Sub(l.Time) > restic.StaleLockTimeout {
		return true
	}
	host, err := os.Hostname()
	if err != nil || host != l.Hostname {
		return false
	}
	if !processExists(l.PID) || processDead(l.PID) {
		return true
	}
	started, ok := processStart(l.PID)
	return ok && started.After(l.Time.Add(pidSlack))
}
