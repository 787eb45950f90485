package restic

import (
	"context"
	"errors"
	"fmt"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// mayRead asks for one pack, past the cache. The error is ErrSealed if the host may not
// read it; all else shows when packs are read.
func (s *Session) mayRead(ctx context.Context, repo *engrepository.Repository) error {
	if _, ok := unwrap[*s3Backend](s.stack); !ok {
		return nil
	}
	ctx = context.WithValue(ctx, sealKey{}, nil) // the caller says what follows
	var pack engrestic.ID
	some, stop := context.WithCancel(ctx)
	defer stop()
	// The only error is the cancellation by stop.
	_ = repo.ListBlobs(some, func(b engrestic.PackedBlob) {
		pack = b.PackID
		stop()
	})
	name := pack.String()
	if pack.IsNull() { // no index is loaded, or it is empty
		name = ""
		err := s.stack.List(ctx, engbackend.PackFile, func(fi engbackend.FileInfo) error {
			name = fi.Name
			return errFound
		})
		if name == "" {
			return err
		}
	}
	_, err := s.stack.Stat(ctx, engbackend.Handle{Type: engbackend.PackFile, Name: name})
	if errors.Is(err, ErrSealed) {
		return err
	}
	return ctx.Err()
}

// errFound ends a listing.
var errFound = errors.New("found")

// mayPrune refuses a prune on a sealed host, before anything is written.
func (s *Session) mayPrune(ctx context.Context, repo *engrepository.Repository) error {
	if err := s.mayRead(ctx, repo); err != nil {
		return fmt.Errorf("prune: nothing was removed; the keeper or the admin prunes: %w", err)
	}
	return nil
}
