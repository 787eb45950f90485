package s3state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// judgeLocks marks the deletions that no lock explains now. A lock that the server
// refuses to return explains nothing, unless nothing could be read: then the caller may
// not read at all.
func (r *reading) judgeLocks(ctx context.Context, known *KnownSettings) error {
	if err := r.try(ctx); err != nil {
		return err
	}
	if err := r.replayed(ctx, known); err != nil {
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

// clockBack is how far the clock of a host may go back between two locks.
const clockBack = 12 * time.Hour

// replayed voids the locks that are old ones whose bytes were written again: they claim
// to be older than what the same host had written before them, and a rule or a drop may
// have removed their first versions. Else those would be below them. What a lock claims
// is not compared with the server's clock, since that of a host may be wrong.
func (r *reading) replayed(ctx context.Context, known *KnownSettings) error {
	e := &r.h.evidence
	locks := make([]*heldLock, 0, len(e.locks))
	for i := range e.locks {
		if l := &e.locks[i]; l.claim != nil && l.v != nil {
			locks = append(locks, l)
		}
	}
	slices.SortStableFunc(locks, func(a, b *heldLock) int { return cmp.Compare(a.from, b.from) })
	newest := make(map[string]time.Time) // by host, as claimed
	for _, l := range locks {
		before := newest[l.claim.Host]
		if l.claim.Time.After(before) && l.claim.Time.Sub(l.v.LastModified) < clockBack {
			newest[l.claim.Host] = l.claim.Time
		}
		if before.Sub(l.claim.Time) <= clockBack || l.void {
			continue
		}
		if err := r.s.readLockRules(ctx, r.bucket, r.h, known); err != nil {
			return err
		}
		if e.traceless(l.claim.Time) {
			l.void = true
			r.h.suspect(mark(l.v, fmt.Sprintf("a lock claims to have been made on %s, before others that were written earlier, so it explains nothing", l.claim.Time.UTC().Format(time.RFC3339)), markNoted))
		}
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
	err := r.fetch(ctx, r.spare, io.Discard)
	r.could = err == nil
	if refusedAlone(err) || errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

// explain lists the locks once more and keeps those that explain deletions, the newest
// first. It returns errVanished if one of them is no longer there, unless this is the
// last look.
func (s *Store) explain(ctx context.Context, bucket string, h *timeline, last bool) error {
	again := newTimeline(bucket)
	again.evidence.wanted, again.evidence.rules = h.evidence.when(), h.evidence.rules
	if len(again.evidence.wanted) > 0 {
		found := make(traces)
		err := s.listVersions(ctx, bucket, lockPrefix, nil, func(entries []Version) error {
			for i := range entries {
				found[trace(&entries[i])] = struct{}{}
			}
			again.take(entries)
			return nil
		})
		if err != nil {
			return err
		}
		if !last && found.missing(&h.evidence, again.evidence.wanted) {
			return fmt.Errorf("%w: a lock", errVanished)
		}
		again.end(defaultGap)
	}
	h.evidence.locks = again.evidence.locks
	slices.SortFunc(h.evidence.locks, func(a, b heldLock) int { return cmp.Compare(b.from, a.from) })
	return nil
}
