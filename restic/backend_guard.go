package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
)

// minStored is the least size of anything encrypted: a nonce and a MAC of 16 bytes
// each.
const minStored = 32

// guard rejects objects that would hurt. The engine panics in one of its goroutines,
// and ends the whole program, on a snapshot, lock, index or config that is too short to
// be decrypted and on an index with impossible numbers; and it unpacks up to 16 GiB. An
// attacker who can write to the bucket could plant such an object.
type guard struct {
	engbackend.Backend
	location string
	unpack   unpacker
	key      atomic.Pointer[engcrypto.Key] // the master key, once it is known
}

// damagedError names a damaged or forged object.
type damagedError struct{ location, object, reason string }

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s: %v %s: %s", e.location, ErrDamaged, e.object, e.reason)
}

func (e *damagedError) Is(target error) bool { return target == ErrDamaged }

func (g *guard) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if h.Type == engbackend.PackFile || offset != 0 || length != 0 {
		return g.Backend.Load(ctx, h, length, offset, fn)
	}
	if h.Type == engbackend.KeyFile {
		return g.loadKey(ctx, h, fn)
	}
	return g.Backend.Load(ctx, h, length, offset, func(rd io.Reader) error {
		limit := maxStored(h.Type)
		raw, err := io.ReadAll(io.LimitReader(rd, limit+1))
		if err != nil {
			return err
		}
		if reason := g.bad(h.Type, raw, limit); reason != "" {
			return &damagedError{g.location, objectName(h), reason}
		}
		return fn(bytes.NewReader(raw))
	})
}

// bad says why an object must not reach the engine. What is not encrypted with the
// repository's key is left to the engine, which says so.
func (g *guard) bad(t engbackend.FileType, raw []byte, limit int64) string {
	switch {
	case int64(len(raw)) > limit:
		return fmt.Sprintf("it has more than the %d bytes that are allowed for it", limit)
	case len(raw) < minStored:
		return fmt.Sprintf("it has %d bytes; at least %d are needed", len(raw), minStored)
	}
	key := g.key.Load()
	if key == nil || t == engbackend.ConfigFile { // the engine does not unpack the config
		return ""
	}
	plain, err := g.unpack.unseal(key, t, raw)
	if errors.Is(err, errUnsealed) {
		return ""
	}
	if err == nil && t == engbackend.IndexFile {
		err = checkIndexNumbers(plain)
	}
	if err != nil {
		return oneLine(err)
	}
	return ""
}

// IsPermanentError includes the guard's own errors, since a second read returns the
// same bytes, and a cache that cannot be written: the caller reads without it, but each
// object would be tried for a minute before.
func (g *guard) IsPermanentError(err error) bool {
	return errors.Is(err, ErrDamaged) || noRoom(err) || g.Backend.IsPermanentError(err)
}

// noRoom reports whether a local file could not be written for lack of space or
// permission.
func noRoom(err error) bool {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (g *guard) Unwrap() engbackend.Backend { return g.Backend }

// objectName is the name of an object below the repository's root, as an administrator
// would look for it.
func objectName(h engbackend.Handle) string {
	switch h.Type {
	case engbackend.ConfigFile:
		return "config"
	case engbackend.PackFile:
		return "data/" + h.Name[:min(2, len(h.Name))] + "/" + h.Name
	case engbackend.KeyFile:
		return "keys/" + h.Name
	case engbackend.LockFile:
		return "locks/" + h.Name
	case engbackend.SnapshotFile:
		return "snapshots/" + h.Name
	case engbackend.IndexFile:
		return "index/" + h.Name
	}
	return h.Name
}
