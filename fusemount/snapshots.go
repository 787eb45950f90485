//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cesnet/rwm/restic"
)

// snapshots keeps the names above the snapshots up to date.
type snapshots struct {
	list     func(ctx context.Context) ([]restic.Snapshot, error)
	grown    func(ctx context.Context) error // called before new snapshots are shown
	opts     *Options
	patience time.Duration

	mu      sync.Mutex
	root    *name
	ids     []restic.ID
	checked time.Time
}

// current returns the root of the names, and first lists the snapshots if the last
// listing is old. If that fails, the names stay as they were; only the first listing
// returns an error.
func (s *snapshots) current(ctx context.Context) (*name, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil && time.Since(s.checked) < s.opts.RefreshInterval {
		return s.root, nil
	}
	err := s.refresh(ctx)
	if s.root == nil {
		return nil, err
	}
	if err != nil {
		s.opts.Logger.Warn("looking for new snapshots failed", "error", err.Error())
	}
	return s.root, nil
}

func (s *snapshots) refresh(ctx context.Context) error {
	// a signal to the caller must not end this, and a hanging storage must not block
	// the known names
	ctx = context.WithoutCancel(ctx)
	if s.root != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.patience)
		defer cancel()
	}
	defer func() { s.checked = time.Now() }()
	found, err := s.list(ctx)
	var unreadable *restic.SnapshotsError
	if err != nil && (len(found) == 0 || !errors.As(err, &unreadable)) {
		return err
	}
	ids := make([]restic.ID, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	if s.root != nil && slices.Equal(ids, s.ids) {
		return nil
	}
	if err != nil {
		s.opts.Logger.Warn("some snapshots are not shown", "error", err.Error())
	}
	if s.root != nil {
		if err := s.grown(ctx); err != nil {
			return err
		}
	}
	s.root, s.ids = arrange(found, s.opts.PathTemplates, s.opts.TimeTemplate), ids
	return nil
}
