package restic

import (
	"context"
	"fmt"
	"maps"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// loadIndex loads the index into s.repo unless it is there. With fresh set it is also
// loaded if the storage has new index files, for instance because another host made a
// backup. The caller holds state.
func (s *Session) loadIndex(ctx context.Context, a access, fresh bool) (err error) {
	if s.stored != nil && a.stored == nil {
		// the backup before needed only a part of it
		if s.repo, err = s.fresh(ctx, s.engine, true); err != nil {
			return err
		}
		s.stored, s.index = nil, false
	}
	if s.index && fresh {
		grown, err := s.indexGrew(ctx)
		if err != nil {
			return fmt.Errorf("%s: listing the index: %w", s.loc, err)
		}
		// what the writer saves counts as known, but is missing from the index of
		// another object
		if grown || s.writes != nil && s.writes != s.repo {
			// readers may be using the old object, so it is left as it is
			if s.repo, err = s.fresh(ctx, s.engine, true); err != nil {
				return err
			}
			s.stored, s.index = nil, false
		}
	}
	if s.index {
		return nil
	}
	if err := s.repo.LoadIndex(ctx, nil); err != nil {
		// a half-loaded index is as bad as a half-written one
		s.poison()
		return fmt.Errorf("%s: loading the index: %w", s.loc, err)
	}
	s.index = true
	s.tidyCache(ctx, s.repo)
	return nil
}

// indexGrew reports whether there are index files that were not listed or written
// before.
func (s *Session) indexGrew(ctx context.Context) (bool, error) {
	s.stack.mu.Lock()
	known := maps.Clone(s.stack.indexes)
	s.stack.mu.Unlock()
	grown := false
	err := s.stack.Backend.List(ctx, engbackend.IndexFile, func(fi engbackend.FileInfo) error {
		if !known[fi.Name] {
			grown = true
		}
		return nil
	})
	return grown, err
}
