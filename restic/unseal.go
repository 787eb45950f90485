package restic

import (
	"context"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/restic/restic/rwmlink/repository"
)

// Unseal decrypts what is stored as an index, a snapshot, a lock or the config of this repository, wherever it was read, and gives
// the JSON in it. It asks the storage for nothing. The error wraps ErrDamaged if it was not sealed with this repository's key.
//
// Such files are sealed as design.rst of restic says: a nonce, the encrypted text, a MAC; since version 2 of the format the text begins
// with the byte 2 if zstd follows.
func (s *Session) Unseal(ctx context.Context, sealed []byte) (plain []byte, err error) {
	err = s.read(ctx, false, func(_ context.Context, repo *repository.Repository) error {
		key := repo.Key()
		if len(sealed) < key.NonceSize()+key.Overhead() {
			return fmt.Errorf("%w: %d bytes are too short", ErrDamaged, len(sealed))
		}
		nonce, text := sealed[:key.NonceSize()], sealed[key.NonceSize():]
		if plain, err = key.Open(nil, nonce, text, nil); err != nil {
			return fmt.Errorf("%w: it is not sealed with this repository's key: %w", ErrDamaged, err)
		}
		if plain, err = decompress(plain); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	})
	return plain, err
}

// mostUnsealed bounds what a few bytes can unpack to: an index of restic's, which is made of hashes, shrinks to half, a snapshot with many like
// paths to a tenth.
func mostUnsealed(packed int) uint64 { return min(128<<20, 64*uint64(packed)+1<<20) }

func decompress(text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	switch text[0] {
	case '{', '[':
		return text, nil
	case 2:
		dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(mostUnsealed(len(text))), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer dec.Close()
		return dec.DecodeAll(text[1:], nil)
	}
	return nil, fmt.Errorf("its encoding %d is not known", text[0])
}
