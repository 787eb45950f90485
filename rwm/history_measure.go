package rwm

import (
	"context"
	"errors"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// measure measures snapshots by their trees. What the repository lacks or cannot be
// read is not measured.
func (m *Manager) measure(opts ...restic.Option) s3state.Measure {
	return func(ctx context.Context, at *s3state.View, snapshots []string) (map[string]s3state.SnapshotSize, error) {
		sizes := make(map[string]s3state.SnapshotSize)
		session, err := restic.Open(ctx, m.asOf(at), m.cfg.ResticPassword, m.sessionOptions(opts)...)
		if err != nil {
			return sizes, elsewhere(ctx, err)
		}
		defer session.Close() // it only reads
		for _, id := range snapshots {
			found, err := session.Stats(ctx, restic.StatsOptions{Filter: restic.SnapshotFilter{IDs: []string{id}}})
			if err := elsewhere(ctx, err); err != nil {
				return nil, err
			}
			if err == nil {
				sizes[id] = s3state.SnapshotSize{Entries: int64(found.TotalFileCount), Bytes: int64(found.TotalSize)}
			}
		}
		return sizes, nil
	}
}

// elsewhere returns the errors that say nothing about a repository.
func elsewhere(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, restic.ErrUnreachable):
		return err
	}
	return nil
}
