package restic

import (
	"context"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/restic"
)

// foreignLocks reads the locks this session did not take. One that cannot be read has its Err set.
func (s *Session) foreignLocks(ctx context.Context) ([]LockInfo, error) {
	repo, err := s.fresh(ctx, false)
	if err != nil {
		return nil, err
	}
	var ids []restic.ID
	err = s.stack.List(ctx, backend.LockFile, func(fi backend.FileInfo) error {
		if id, err := restic.ParseID(fi.Name); err == nil && !s.stack.ownLock(fi.Name) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var locks []LockInfo
	for _, id := range ids {
		info := LockInfo{ID: ID(id)}
		l, err := restic.LoadLock(ctx, repo, id)
		switch {
		case err == nil:
			info.Host, info.User, info.PID, info.Since, info.Exclusive = l.Hostname, l.Username, l.PID, l.Time, l.Exclusive
			info.Stale = s.stale(l)
		case s.stack.IsNotExist(err): // given back meanwhile
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		default:
			info.Err = err
		}
		locks = append(locks, info)
	}
	return locks, nil
}
