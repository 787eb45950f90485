package restic

import (
	"context"
	"fmt"
	"time"

	"github.com/restic/restic/rwmlink/backend"
)

// UnlockOptions says which locks to remove.
type UnlockOptions struct {
	// RemoveAll removes the locks of running processes, too, and those that cannot be read. Whoever holds one of
	// them will stop. The locks of this session stay.
	RemoveAll bool
}

// UnlockResult lists the locks that were there.
type UnlockResult struct {
	Removed []LockInfo
	// Kept are the locks of others that are in use. It is empty with RemoveAll.
	Kept []LockInfo
}

// LockInfo says who holds a lock.
type LockInfo struct {
	ID        ID
	Host      string
	User      string
	PID       int
	Since     time.Time // taken or last refreshed
	Exclusive bool
	Stale     bool
	// Err is set, and what else is known of it not, if the lock cannot be read.
	Err error
}

// Unlock removes locks that were left behind: those nobody has refreshed for half an hour, and those of this host
// whose process is gone. It takes no lock itself. A lock that cannot be read is an error wrapping ErrDamaged unless RemoveAll is set.
func (s *Session) Unlock(ctx context.Context, o UnlockOptions) (*UnlockResult, error) {
	if s.opts.readOnly {
		return nil, fmt.Errorf("%s: unlock: %w", s.loc, ErrReadOnly)
	}
	res := &UnlockResult{}
	err := s.use(ctx, 1, func(ctx context.Context) error {
		locks, err := s.foreignLocks(ctx)
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
			h := backend.Handle{Type: backend.LockFile, Name: l.ID.String()}
			if err := s.stack.Remove(ctx, h); err != nil && !s.stack.IsNotExist(err) {
				return fmt.Errorf("removing lock %s: %w", l.ID.Short(), err)
			}
			res.Removed = append(res.Removed, l)
		}
		return nil
	})
	return res, err
}

// Locks lists the locks of others.
func (s *Session) Locks(ctx context.Context) (locks []LockInfo, err error) {
	err = s.use(ctx, 1, func(ctx context.Context) error {
		locks, err = s.foreignLocks(ctx)
		return err
	})
	return locks, err
}
