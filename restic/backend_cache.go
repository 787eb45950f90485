package restic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcache "github.com/restic/restic/rwmlink/cache"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// checkedCache reads through the local cache and trusts what lies there no more than
// the storage: the restic command may have filled it, which checks nothing, and an
// index that came later may say something else of a cached pack. The engine's own layer
// would lie above every check, so this one takes its place (see Session.fresh), and it
// also does what the engine does for that layer: a spoiled copy is thrown away and read
// again from the storage, where the checks of the storage apply.
type checkedCache struct {
	engbackend.Backend                    // through the cache
	direct             engbackend.Backend // past it
	cache              *engcache.Cache
	guard              *guard
	sizes              *packSizes
}

const (
	// maxCheckedRange is the length up to which part of a pack is taken for a single
	// tree and held in memory.
	maxCheckedRange = 8 << 20
	// maxUsualTree is what a tree may unpack to without asking the index about it.
	maxUsualTree = 16 << 20
)

// Load checks what the cache has. Data is never kept there, and not looked for.
func (c *checkedCache) Load(ctx context.Context, h engbackend.Handle, length int, offset int64, fn func(io.Reader) error) error {
	switch {
	case h.Type == engbackend.PackFile && h.IsMetadata:
		return c.again(h, func(be engbackend.Backend) (bool, error) {
			if length <= 0 || length > maxCheckedRange {
				return c.stream(ctx, be, h, length, offset, fn)
			}
			return c.tree(ctx, be, h, length, offset, fn)
		})
	case h.Type == engbackend.PackFile:
		_, err := c.stream(ctx, c.direct, h, length, offset, fn)
		return err
	case (h.Type == engbackend.IndexFile || h.Type == engbackend.SnapshotFile) && length == 0 && offset == 0:
		return c.again(h, func(be engbackend.Backend) (bool, error) { return c.whole(ctx, be, h, fn) })
	}
	return c.Backend.Load(ctx, h, length, offset, fn)
}

// Unwrap gives the layer below the cache.
func (c *checkedCache) Unwrap() engbackend.Backend { return c.direct }

// again runs load through the cache, and past it if the cached copy turns out to be
// spoiled or cannot be written.
func (c *checkedCache) again(h engbackend.Handle, load func(engbackend.Backend) (spoiled bool, err error)) error {
	spoiled, err := load(c.Backend)
	if !spoiled && !noRoom(err) {
		return err
	}
	_ = c.cache.Forget(h) // the next read finds the copy spoiled again if this fails
	_, err = load(c.direct)
	return err
}

// whole loads an index or a snapshot. The storage's are checked by the guard.
func (c *checkedCache) whole(ctx context.Context, be engbackend.Backend, h engbackend.Handle, fn func(io.Reader) error) (spoiled bool, err error) {
	had := be != c.direct && c.cache.Has(h)
	var raw []byte
	err = be.Load(ctx, h, 0, 0, func(rd io.Reader) (err error) {
		raw, err = io.ReadAll(io.LimitReader(rd, maxStored(h.Type)+1))
		return err
	})
	if err != nil {
		return had, err // it may be cut off
	}
	if be != c.direct && engrestic.Hash(raw).String() != h.Name ||
		had && c.guard != nil && c.guard.bad(h.Type, raw, maxStored(h.Type)) != "" {
		return true, nil
	}
	return false, fn(bytes.NewReader(raw))
}

// stream loads part of a pack and compares it with the index.
func (c *checkedCache) stream(ctx context.Context, be engbackend.Backend, h engbackend.Handle, length int, offset int64, fn func(io.Reader) error) (spoiled bool, err error) {
	had := be != c.direct && c.cache.Has(h)
	err = be.Load(ctx, h, length, offset, func(rd io.Reader) error {
		return c.sizes.load(ctx, h, offset, rd, fn)
	})
	return had && errors.Is(err, ErrDamaged), err
}

// tree loads part of a pack that mostly is a single tree. One that says it unpacks to a
// usual size needs no look at the index, whose table takes time to make.
func (c *checkedCache) tree(ctx context.Context, be engbackend.Backend, h engbackend.Handle, length int, offset int64, fn func(io.Reader) error) (spoiled bool, err error) {
	repo := c.sizes.repo.Load()
	if be == c.direct || repo == nil {
		return c.stream(ctx, be, h, length, offset, fn)
	}
	buf := make([]byte, length)
	err = be.Load(ctx, h, length, offset, func(rd io.Reader) error {
		_, err := io.ReadFull(rd, buf)
		return err
	})
	if err != nil {
		return c.cache.Has(h), err // it may be cut off
	}
	// what the MAC is right for is one blob
	_, err = openSealed(repo.Key(), buf)
	single := err == nil
	if single && unpacksAsUsual(repo.Key(), buf) {
		return false, fn(bytes.NewReader(buf))
	}
	blobs, err := c.sizes.blobs(ctx, h)
	if err != nil {
		return false, err
	}
	if !single && !startsShorter(blobs, offset, length) {
		return true, nil // damaged, or several that are not compressed
	}
	err = c.sizes.load(ctx, h, offset, bytes.NewReader(buf), fn)
	return errors.Is(err, ErrDamaged), err
}

// unpacksAsUsual reports whether a sealed tree unpacks to no more than is usual, if at
// all.
func unpacksAsUsual(key *engcrypto.Key, sealed []byte) bool {
	limit := min(maxUsualTree, 64*len(sealed)+64<<10)
	walk := blobWalk{blob: sizedBlob{0, uint32(len(sealed)), uint32(limit)}, key: key}
	return walk.feed(0, sealed) == nil
}

// startsShorter reports whether a compressed blob begins at offset and ends before
// length bytes.
func startsShorter(blobs []sizedBlob, offset int64, length int) bool {
	return slices.ContainsFunc(blobs, func(b sizedBlob) bool {
		return int64(b.offset) == offset && int64(b.length) < int64(length)
	})
}

// tidyCache removes the packs from the cache that the index no longer has: another
// host may have pruned them. It looks through the whole index, so that once a day is
// enough; what this session prunes leaves the cache at once.
func (s *Session) tidyCache(ctx context.Context, repo *engrepository.Repository) {
	if s.cache == nil || repo == nil {
		return
	}
	stamp := filepath.Join(s.cache.BaseDir(), s.id, "tidied")
	if fi, err := os.Stat(stamp); err == nil && time.Since(fi.ModTime()).Abs() < 24*time.Hour {
		return
	}
	valid := engrestic.NewIDSet()
	if repo.ListBlobs(ctx, func(b engrestic.PackedBlob) {
		if b.Type == engrestic.TreeBlob {
			valid.Insert(b.PackID)
		}
	}) != nil {
		return
	}
	if err := s.cache.Clear(engrestic.PackFile, valid); err != nil {
		s.logCache("removing old packs: %v", err)
	}
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		s.logCache("%v", err)
	}
}
