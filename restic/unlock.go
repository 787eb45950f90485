package restic

import (
	"context"
	"fmt"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// UnlockOptions selects the locks to remove.
type UnlockOptions struct {
	// RemoveAll also removes the locks of running processes, which then stop, and locks
	// that cannot be read. The locks of this session stay.
	RemoveAll bool
}

// UnlockResult lists the locks that were there.
type UnlockResult struct {
	Removed []LockInfo
	// Kept are other sessions' locks that are in use. It is empty with RemoveAll.
	Kept []LockInfo
}

// LockInfo describes a lock.
type LockInfo struct {
	ID        ID
	Host      string
	User      string
	PID       int
	Since     time.Time // taken or last refreshed
	Exclusive bool
	Stale     bool
	// Err is set if the lock cannot be read; the other fields except ID are then unset.
	Err error
}

// lookAtLocks is the access of operations that read the locks of others and take none.
var lookAtLocks = access{lock: noLock, object: uncachedObject}

// Unlock removes locks that were left behind: those not refreshed for half an hour, and
// those of this host whose process has ended. It takes no lock itself. A lock that
// cannot be read is an error wrapping ErrDamaged unless RemoveAll is set.
func (s *Session) Unlock(ctx context.Context, o UnlockOptions) (*UnlockResult, error) {
	if s.never() {
		return nil, errNilSession
	}
	if s.opts.readOnly {
		return nil, fmt.Errorf("%s: unlock: %w", s.loc, ErrReadOnly)
	}
	res := &UnlockResult{}
	err := s.run(ctx, lookAtLocks, func(ctx context.Context, repo *engrepository.Repository) error {
		locks, err := s.foreignLocks(ctx, repo)
		if err != nil {
			return err
		}
		for _, l := range locks {
			if !o.RemoveAll && l.Err != nil {
				return fmt.Errorf("%w: lock %s cannot be read, RemoveAll removes it: %w", ErrDamaged, l.ID.Short(), l.Err)
			}
			if !o.RemoveAll && !l.Stale {
				res.Kept = append(res.Kept, l)
				continue
			}
			h := engbackend.Handle{Type: engbackend.LockFile, Name: l.ID.String()}
			if err := s.stack.Remove(ctx, h); err != nil && !s.stack.IsNotExist(err) {
				return fmt.Errorf("removing lock %s: %w", l.ID.Short(), err)
			}
			res.Removed = append(res.Removed, l)
		}
		return nil
	})
	return res, err
}

// Locks lists the locks of other sessions.
func (s *Session) Locks(ctx context.Context) (locks []LockInfo, err error) {
	err = s.run(ctx, lookAtLocks, func(ctx context.Context, repo *engrepository.Repository) error {
		locks, err = s.foreignLocks(ctx, repo)
		return err
	})
	return locks, err
}
