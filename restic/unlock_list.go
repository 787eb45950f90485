package restic

import (
	"context"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// foreignLocks reads the locks this session did not take. One that cannot be read has
// its Err set.
func (s *Session) foreignLocks(ctx context.Context, repo *engrepository.Repository) ([]LockInfo, error) {
	var ids []engrestic.ID
	err := s.stack.List(ctx, engbackend.LockFile, func(fi engbackend.FileInfo) error {
		if id, err := engrestic.ParseID(fi.Name); err == nil && !s.stack.ownLock(fi.Name) {
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
		l, err := engrestic.LoadLock(ctx, repo, id)
		switch {
		case err == nil:
			info.Host, info.User, info.PID, info.Since, info.Exclusive = clip(l.Hostname), clip(l.Username), l.PID, l.Time, l.Exclusive
			info.Stale = s.stale(otherLock{id.String(), l})
		case s.stack.IsNotExist(err): // released meanwhile
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
