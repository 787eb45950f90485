package s3state

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// healed finds, among the snapshots that lost most of what they had, those that were
// followed by a snapshot of the same host and paths with at least half of it again,
// such as a backup after a repair. That snapshot must exist now, must not be a changed
// copy, and is measured. An attacker who can write one could just as well forget the
// snapshot that lost something, which is no mark either.
func (s *Store) healed(ctx context.Context, bucket string, h *timeline, lost []resave, measure Measure, sizes map[string]SnapshotSize, known *remembered[SnapshotSize]) (map[string]*snapshotClaim, error) {
	later := make(map[string]*snapshotClaim) // by the copy's key
	var ids []string
	for _, r := range lost {
		c := h.newestOf(r.copied.Group)
		if c == nil || !c.written.After(r.copied.written) {
			continue
		}
		later[r.copied.key] = c
		if size, ok := known.get(c.name()); ok {
			sizes[c.key] = size
		}
		if id := resticID(c.key); !has(sizes, c.key) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		view, err := s.View(ctx, bucket, Moment{At: s.now().Add(2 * offAtMost)}, ViewOptions{})
		if err != nil {
			return nil, err
		}
		found, err := measure(ctx, view, ids)
		for id, size := range found {
			sizes["snapshots/"+id] = size
		}
		if err != nil && !errors.Is(err, ErrNotMeasured) {
			return nil, err
		}
	}
	for _, r := range lost {
		c := later[r.copied.key]
		if c == nil {
			continue
		}
		if has(sizes, c.key) {
			known.put(c.name(), sizes[c.key])
		}
		if !has(sizes, c.key) || lostMost(sizes[r.original.key], sizes[c.key]) {
			delete(later, r.copied.key)
		}
	}
	return later, nil
}

// newestOf is the newest snapshot of a host and paths that is there and no changed copy
// of another.
func (h *timeline) newestOf(group string) (newest *snapshotClaim) {
	for i := range h.claims {
		c := &h.claims[i]
		_, gone := h.gone.of(c.key)
		if c.Group == group && c.Original == "" && !gone && (newest == nil || c.written.After(newest.written)) {
			newest = c
		}
	}
	return newest
}

// lostMost reports whether less than half of the entries or of the bytes is left.
func lostMost(before, after SnapshotSize) bool {
	return after.Entries < before.Entries/2 || after.Bytes < before.Bytes/2
}

// shortID is the beginning of a snapshot's ID, as people name it.
func shortID(key string) string {
	id := key[len("snapshots/"):]
	return id[:min(len(id), 8)]
}

// heal turns the mark on a loss into a note.
func (s *Suspicion) heal(by *snapshotClaim) {
	s.kind = markNoted
	s.Reason += fmt.Sprintf("; %s of the same host and paths, saved later, has as much again or more than half", shortID(by.key))
}
