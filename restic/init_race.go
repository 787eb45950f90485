package restic

import (
	"context"
	"fmt"
	"slices"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// soleInit keeps two Inits at the same moment from mixing the key of one with the config
// of the other, which no password opens. Each writes its key before it looks for others,
// so at least one of them sees both. That one steps back, and if both do, the one whose
// key comes first goes on once the other is gone.
type soleInit struct {
	engbackend.Backend
	loc Location
	key string
}

const (
	otherInitTries = 10
	otherInitPause = 200 * time.Millisecond
)

func (s *soleInit) Save(ctx context.Context, h engbackend.Handle, rd engbackend.RewindReader) error {
	if h.Type == engbackend.KeyFile {
		s.key = h.Name
	}
	if h.Type == engbackend.ConfigFile {
		if err := s.waitForOthers(ctx); err != nil {
			return err
		}
	}
	return s.Backend.Save(ctx, h, rd)
}

func (s *soleInit) waitForOthers(ctx context.Context) error {
	for try := 1; ; try++ {
		var others []string
		err := s.List(ctx, engbackend.KeyFile, func(fi engbackend.FileInfo) error {
			if fi.Name != s.key {
				others = append(others, fi.Name)
			}
			return nil
		})
		if err != nil || len(others) == 0 {
			return err
		}
		if try == otherInitTries || slices.Min(others) < s.key {
			return s.stepBack(ctx)
		}
		select {
		case <-ctx.Done():
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), otherInitTries*otherInitPause)
			defer cancel()
			_ = s.stepBack(clean)
			return ctx.Err()
		case <-time.After(otherInitPause):
		}
	}
}

func (s *soleInit) stepBack(ctx context.Context) error {
	own := engbackend.Handle{Type: engbackend.KeyFile, Name: s.key}
	if err := s.Remove(ctx, own); err != nil {
		return fmt.Errorf("%s: %w: it was made at the same moment; the key %s, which does not belong to it, could not be removed: %w", s.loc, ErrExists, s.key, err)
	}
	return fmt.Errorf("%s: %w: it was made at the same moment; nothing was changed", s.loc, ErrExists)
}
