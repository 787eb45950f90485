package restic

import (
	"context"
	"fmt"

	engrepository "github.com/restic/restic/rwmlink/repository"
)

// Decrypt decrypts the stored form of an index, a snapshot, a lock or the config of
// this repository, wherever it was read, and returns the JSON in it. It sends no
// request for that. The error wraps ErrDamaged if the content was not encrypted with
// this repository's key.
//
// Such files are encrypted as design.rst of restic says: a nonce, the encrypted text, a
// MAC; since version 2 of the format the text begins with the byte 2 if zstd follows.
func (s *Session) Decrypt(ctx context.Context, sealed []byte) (plain []byte, err error) {
	err = s.run(ctx, access{}, func(_ context.Context, repo *engrepository.Repository) error {
		text, err := openSealed(repo.Key(), sealed)
		if err == nil {
			plain, err = s.stack.unpack.unpack(text, min(maxUnsealed, 64*len(sealed)+1<<20))
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	})
	return plain, err
}
