package rwm

import (
	"context"

	"github.com/cesnet/rwm/s3state"
)

// SaveState saves the state of the repository's bucket into it, as a backup run
// does at its end.
func (m *Manager) SaveState(ctx context.Context) (*s3state.SavedState, error) {
	m = m.made()
	if m.cfg.ResticBucket == "" {
		return nil, m.cfg.source.at("restic_bucket", "is missing or empty, and this needs it")
	}
	return m.saveStateOf(ctx, "")
}

func (m *Manager) saveStateOf(ctx context.Context, run RunID) (*s3state.SavedState, error) {
	return m.store.Save(ctx, m.cfg.ResticBucket, s3state.CaptureOptions{
		OnEvent: func(event s3state.Event) { m.emitOf(run, StateEvent{event}) },
	})
}

func (r *run) saveState(ctx context.Context, row *Row) (err error) {
	row.State, err = r.saveStateOf(ctx, r.report.Run)
	return err
}
