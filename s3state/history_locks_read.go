package s3state

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
)

// judgeLocks marks the deletions that no lock explains now. A lock that the server
// refuses to return explains nothing, unless nothing could be read: then the caller may
// not read at all.
func (r *reading) judgeLocks(ctx context.Context) error {
	if err := r.try(ctx); err != nil {
		return err
	}
	for i := range r.h.evidence.locks {
		l := &r.h.evidence.locks[i]
		if l.refused {
			r.h.res.Unread++
			l.void = r.could
		}
	}
	for _, found := range append(r.h.evidence.unlocked(), r.h.evidence.doubtful()...) {
		r.h.suspect(found)
	}
	return nil
}

// try finds out whether the caller may read at all, if a lock was refused and what else
// there is was read by an earlier History.
func (r *reading) try(ctx context.Context) error {
	refused := slices.ContainsFunc(r.h.evidence.locks, func(l heldLock) bool { return l.refused })
	if !refused || r.could || r.spare == nil {
		return nil
	}
	_, err := r.s.fetchChecked(ctx, r.bucket, entryFrom(r.spare), io.Discard)
	r.could = err == nil
	if refusedAlone(err) || errors.Is(err, ErrCorrupt) {
		return nil
	}
	return err
}

// explain lists the locks once more and keeps those that explain deletions, the newest
// first.
func (s *Store) explain(ctx context.Context, bucket string, h *timeline) error {
	again := newTimeline(bucket)
	again.evidence.wanted, again.evidence.rules = h.evidence.when(), h.evidence.rules
	if len(again.evidence.wanted) > 0 {
		err := s.listVersions(ctx, bucket, "locks/", nil, func(entries []Version) error { again.take(entries); return nil })
		if err != nil {
			return err
		}
		again.end(defaultGap)
	}
	h.evidence.locks = again.evidence.locks
	slices.SortFunc(h.evidence.locks, func(a, b heldLock) int { return cmp.Compare(b.from, a.from) })
	return nil
}
