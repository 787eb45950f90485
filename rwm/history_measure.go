package rwm

import (
	"context"
	"errors"
	"fmt"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// measure measures snapshots by their trees, within the requests of [ProofOptions].
// What the repository lacks or cannot be read is not measured. A cache does not harm:
// trees are what their names say.
func (m *Manager) measure() s3state.Measure {
	budget := restic.NewBudget(m.proof.withDefaults().MaxRequests)
	return func(ctx context.Context, at *s3state.View, snapshots []string) (map[string]s3state.SnapshotSize, error) {
		sizes := make(map[string]s3state.SnapshotSize)
		session, err := restic.Open(ctx, m.asOf(at), m.cfg.ResticPassword, m.sessionOptions([]restic.Option{restic.WithBudget(budget)})...)
		if err != nil {
			return sizes, notMeasured(ctx, err)
		}
		defer session.Close() // it only reads
		some := func(ids []string) error {
			_, err := session.Stats(ctx, restic.StatsOptions{Filter: restic.SnapshotFilter{IDs: ids}, OnSnapshot: func(found restic.SnapshotStats) {
				sizes[found.ID.String()] = s3state.SnapshotSize{Entries: int64(found.Entries), Bytes: int64(found.Bytes)}
			}})
			return err
		}
		var there []string
		for _, id := range snapshots {
			if _, ok := at.Get("snapshots/" + id); ok {
				there = append(there, id)
			}
		}
		if len(there) == 0 {
			return sizes, nil
		}
		// All at once reads once what they share; one that cannot be read ends it.
		if err = some(there); err == nil || notMeasured(ctx, err) != nil {
			return sizes, notMeasured(ctx, err)
		}
		for _, id := range there {
			if _, ok := sizes[id]; ok {
				continue
			}
			if err := notMeasured(ctx, some([]string{id})); err != nil {
				return sizes, err
			}
		}
		return sizes, nil
	}
}

// notMeasured returns the errors that say nothing about a snapshot.
func notMeasured(ctx context.Context, err error) error {
	if errors.Is(err, restic.ErrBudget) {
		return fmt.Errorf("%w: %w", s3state.ErrNotMeasured, err)
	}
	return elsewhere(ctx, err)
}

// elsewhere returns the errors that say nothing about a repository.
func elsewhere(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, restic.ErrUnreachable):
		return err
	}
	return nil
}
