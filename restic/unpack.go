package restic

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
)

// Limits of what one object may hold. An attacker who knows the password can seal
// anything, so each is far above what restic writes and far below what would hurt.
const (
	maxStoredConfig   = 1 << 20
	maxStoredLock     = 1 << 20
	maxStoredSnapshot = 32 << 20
	maxStoredIndex    = 256 << 20

	maxPlainSnapshot = 64 << 20
	maxPlainIndex    = 1 << 30
	maxPlainTree     = 1 << 30
	maxPlainData     = 64 << 20 // restic cuts files into chunks of at most 8 MiB
	maxUnsealed      = 128 << 20
)

// maxStored is how many bytes an object of a type may have in the storage; 0 means
// that packs are not bounded here.
func maxStored(t engbackend.FileType) int64 {
	switch t {
	case engbackend.ConfigFile:
		return maxStoredConfig
	case engbackend.LockFile:
		return maxStoredLock
	case engbackend.SnapshotFile:
		return maxStoredSnapshot
	case engbackend.IndexFile:
		return maxStoredIndex
	case engbackend.KeyFile:
		return maxKeyFile
	}
	return 0
}

// maxPlain is how many bytes an object of a type and a stored size may unpack to. What
// restic writes is made of hashes and names: an index shrinks to about a half, a
// snapshot with many similar paths to a tenth.
func maxPlain(t engbackend.FileType, stored int) int {
	generous := 64*stored + 1<<20
	switch t {
	case engbackend.IndexFile:
		return min(maxPlainIndex, 16*stored+1<<20)
	case engbackend.SnapshotFile:
		return min(maxPlainSnapshot, generous)
	case engbackend.ConfigFile, engbackend.LockFile:
		return min(1<<20, generous)
	}
	return min(maxPlainSnapshot, generous)
}

// unpacker decompresses within bounds. It is safe for concurrent use.
type unpacker struct {
	once sync.Once
	dec  *zstd.Decoder
	err  error
}

func (u *unpacker) decoder() (*zstd.Decoder, error) {
	u.once.Do(func() {
		// the length of a frame is bounded by the capacity it is decoded into
		u.dec, u.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(maxPlainTree), zstd.WithDecoderLowmem(true))
	})
	return u.dec, u.err
}

// decode decompresses zstd frames of at most limit bytes. into is used if it is large
// enough.
func (u *unpacker) decode(frames []byte, limit int, into []byte) ([]byte, error) {
	dec, err := u.decoder()
	if err != nil {
		return nil, err
	}
	size := limit
	var h zstd.Header
	if err := h.Decode(frames); err != nil {
		return nil, fmt.Errorf("it is not compressed as restic does: %w", err)
	}
	if h.HasFCS {
		if h.FrameContentSize > uint64(limit) {
			return nil, fmt.Errorf("it unpacks to %d bytes, more than the %d that are allowed for it", h.FrameContentSize, limit)
		}
		size = int(h.FrameContentSize)
	}
	if cap(into) < size {
		into = make([]byte, 0, size)
	}
	plain, err := dec.DecodeAll(frames, into[:0:size])
	if err != nil {
		return nil, fmt.Errorf("it does not unpack to at most %d bytes: %w", size, err)
	}
	return plain, nil
}

// unpack undoes the packing of an index, snapshot or lock: since version 2 of the
// format its text begins with the byte 2 if zstd follows.
func (u *unpacker) unpack(text []byte, limit int) ([]byte, error) {
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	switch text[0] {
	case '{', '[':
		if len(text) > limit {
			return nil, fmt.Errorf("it has %d bytes, more than the %d that are allowed for it", len(text), limit)
		}
		return text, nil
	case 2:
		return u.decode(text[1:], limit, nil)
	}
	return nil, fmt.Errorf("its encoding %d is not known", text[0])
}

// errUnsealed: the object was not encrypted with the repository's key.
var errUnsealed = errors.New("it is not encrypted with this repository's key")

// unseal opens what is stored as an object of a type and gives its JSON.
func (u *unpacker) unseal(key *engcrypto.Key, t engbackend.FileType, sealed []byte) ([]byte, error) {
	text, err := openSealed(key, sealed)
	if err != nil {
		return nil, err
	}
	return u.unpack(text, maxPlain(t, len(sealed)))
}

// openSealed decrypts into a buffer of its own.
func openSealed(key *engcrypto.Key, sealed []byte) ([]byte, error) {
	if len(sealed) < minStored {
		return nil, fmt.Errorf("it has %d bytes, at least %d are needed", len(sealed), minStored)
	}
	nonce, text := sealed[:key.NonceSize()], sealed[key.NonceSize():]
	plain, err := key.Open(nil, nonce, text, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsealed, err)
	}
	return plain, nil
}
