package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restic/restic/rwmlink/backend"
)

// minStored is the least size of anything encrypted: a nonce and a MAC of 16 bytes each.
const minStored = 32

// guard refuses what would make the engine panic in one of its goroutines, and with it the whole program: it decrypts a snapshot, lock,
// index or config without looking at the length first. Anybody who can write into the bucket could put one there.
type guard struct {
	backend.Backend
	location string
}

// damagedError names an object that cannot be what it should be.
type damagedError struct{ location, object, reason string }

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s: %v %s: %s", e.location, ErrDamaged, e.object, e.reason)
}

func (e *damagedError) Is(target error) bool { return target == ErrDamaged }

func (g *guard) Load(ctx context.Context, h backend.Handle, length int, offset int64, fn func(rd io.Reader) error) error {
	if h.Type == backend.PackFile || offset != 0 || length != 0 {
		return g.Backend.Load(ctx, h, length, offset, fn)
	}
	if h.Type == backend.KeyFile {
		return g.loadKey(ctx, h, fn)
	}
	return g.Backend.Load(ctx, h, length, offset, func(rd io.Reader) error {
		head := make([]byte, minStored)
		n, err := io.ReadFull(rd, head)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &damagedError{g.location, objectName(h), fmt.Sprintf("it has %d bytes, at least %d are needed", n, minStored)}
		}
		if err != nil {
			return err
		}
		return fn(io.MultiReader(bytes.NewReader(head), rd))
	})
}

// IsPermanentError adds the guard's own errors: reading again gives the same.
func (g *guard) IsPermanentError(err error) bool {
	return errors.Is(err, ErrDamaged) || g.Backend.IsPermanentError(err)
}

func (g *guard) Unwrap() backend.Backend { return g.Backend }

// objectName is the name of an object below the repository's root, as an administrator would look for it.
func objectName(h backend.Handle) string {
	switch h.Type {
	case backend.ConfigFile:
		return "config"
	case backend.PackFile:
		return "data/" + h.Name[:min(2, len(h.Name))] + "/" + h.Name
	case backend.KeyFile:
		return "keys/" + h.Name
	case backend.LockFile:
		return "locks/" + h.Name
	case backend.SnapshotFile:
		return "snapshots/" + h.Name
	case backend.IndexFile:
		return "index/" + h.Name
	}
	return h.Name
}
