package restic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// parent finds the snapshot to compare with; nil if there is none. It uses the
// session's view of the snapshots without listing them again: another process's newer
// snapshot of the same host and paths would only save some reading.
func (s *Session) parent(ctx context.Context, repo *engrepository.Repository, b *BackupOptions, targets []string, host string, at time.Time, warn func(string)) (*engdata.Snapshot, error) {
	if b.Force || !b.local() {
		return nil, nil
	}
	if b.Parent != "" && b.Parent != "latest" {
		sn, _, err := s.view.find(ctx, repo, b.Parent, SnapshotFilter{})
		if err != nil {
			return nil, fmt.Errorf("backup: parent: %w", err)
		}
		return sn, nil
	}
	f := SnapshotFilter{Before: at}
	by := b.GroupBy
	if by == GroupByDefault {
		by = GroupByHost | GroupByPaths
	}
	if by&GroupByHost != 0 {
		f.Hosts = []string{host}
	}
	if by&GroupByTags != 0 {
		f.Tags = []TagList{b.Tags}
	}
	if by&GroupByPaths != 0 {
		for _, t := range targets {
			abs, err := filepath.Abs(t)
			if err != nil {
				return nil, err
			}
			f.Paths = append(f.Paths, filepath.Clean(abs))
		}
	}
	known, err := s.view.recent(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("backup: finding the parent: %w", err)
	}
	var matching []*engdata.Snapshot
	for _, sn := range known {
		if f.match(sn) {
			matching = append(matching, sn)
		}
	}
	slices.SortFunc(matching, func(a, b *engdata.Snapshot) int { return b.Time.Compare(a.Time) })
	if len(matching) == 0 {
		if b.Parent != "" {
			return nil, fmt.Errorf("backup: parent: %w", ErrNoSnapshot)
		}
		return nil, nil
	}
	latest := matching[0]
	if b.Parent == "" && !b.SkipIfUnchanged { // which compares with the latest one
		latest = s.readableParent(ctx, repo, matching, warn)
	}
	return cloneSnapshot(latest), nil
}

// recent returns the snapshots known so far, and lists them only the first time.
func (v *snapshotView) recent(ctx context.Context, repo *engrepository.Repository) (map[engrestic.ID]*engdata.Snapshot, error) {
	v.mu.Lock()
	known, whole := v.byID, v.whole
	v.mu.Unlock()
	if whole {
		return known, nil
	}
	// An unreadable snapshot is no parent, but does not prevent the backup.
	if _, err := v.load(ctx, repo, nil); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byID, nil
}

// add records a new snapshot without reading it back. The map is replaced, never
// changed: other goroutines may be reading it.
func (v *snapshotView) add(ctx context.Context, sn *engdata.Snapshot, id engrestic.ID) {
	text, err := json.Marshal(sn)
	var loaded *engdata.Snapshot
	if err == nil {
		// only loading gives a snapshot its ID
		loaded, err = engdata.LoadSnapshot(ctx, unsealed(text), id)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil || v.byID == nil {
		v.byID, v.whole = nil, false // list again
		return
	}
	next := maps.Clone(v.byID)
	next[id] = loaded
	v.byID = next
}

// forget makes recent list the snapshots again.
func (v *snapshotView) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byID, v.whole = nil, false
}

// unsealed passes the engine the plain text of a file as if it had been loaded.
type unsealed []byte

func (u unsealed) Connections() uint { return 1 }

func (u unsealed) LoadUnpacked(context.Context, engrestic.FileType, engrestic.ID) ([]byte, error) {
	return u, nil
}
