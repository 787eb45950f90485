package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/semaphore"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcache "github.com/restic/restic/rwmlink/cache"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

const (
	// proofMemory bounds the bytes of objects that are being worked on.
	proofMemory = 96 << 20
	// maxCachedPack is the size above which a pack of trees is read in parts.
	maxCachedPack = 512 << 20
)

// objectStore reads objects for a proof and a backup, from the cache where it can be
// believed.
type objectStore struct {
	direct engbackend.Backend // past the cache
	cached engbackend.Backend // the same if there is no cache
	cache  *engcache.Cache
	dir    string // of the cache, "" without one
	key    func(engbackend.Handle) string
	doubt  func(key string) bool
	memory *semaphore.Weighted
}

// newObjectStore returns one that reads a session's objects. doubt may be nil.
func newObjectStore(from *Session, key func(engbackend.Handle) string, doubt func(key string) bool) objectStore {
	s := objectStore{direct: from.stack, cached: from.stack, key: key, doubt: doubt, memory: semaphore.NewWeighted(proofMemory)}
	if c := from.cache; c != nil {
		s.cache, s.dir = c, filepath.Join(c.BaseDir(), from.ID())
		s.cached = c.Wrap(from.stack, from.logCache)
	}
	return s
}

// hold waits until there is room for n bytes.
func (s *objectStore) hold(ctx context.Context, n int64) (release func(), err error) {
	n = min(n, proofMemory)
	if err := s.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { s.memory.Release(n) }, nil
}

func (s *objectStore) suspect(h engbackend.Handle) bool {
	return s.doubt != nil && s.doubt(s.key(h))
}

// source returns the backend to read an object of a listed size from. A cached object
// of another size is removed, since it cannot be a copy.
func (s *objectStore) source(h engbackend.Handle, size int64) engbackend.Backend {
	if s.dir == "" || s.suspect(h) || h.Type == engbackend.PackFile && size > maxCachedPack {
		return s.direct
	}
	if fi, err := os.Stat(s.cachePath(h)); err == nil && fi.Size() != size {
		_ = os.Remove(s.cachePath(h))
	}
	return s.cached
}

func (s *objectStore) cachePath(h engbackend.Handle) string {
	dirs := map[engbackend.FileType]string{engbackend.PackFile: "data", engbackend.IndexFile: "index", engbackend.SnapshotFile: "snapshots"}
	return filepath.Join(s.dir, dirs[h.Type], h.Name[:2], h.Name)
}

// whole reads an object that is named by its hash. A copy in the cache that is not what
// its name says is thrown away. The error wraps ErrDamaged if the object in the storage
// is not.
func (s *objectStore) whole(ctx context.Context, h engbackend.Handle, size int64) ([]byte, error) {
	if limit := maxStored(h.Type); limit > 0 && size > limit {
		return nil, fmt.Errorf("%w: it has %d bytes, more than the %d that are allowed for it", ErrDamaged, size, limit)
	}
	from := s.source(h, size)
	raw, err := s.load(ctx, from, h, size)
	if from == s.cached && s.dir != "" && (noRoom(err) || err == nil && !isNamed(raw, h.Name)) {
		_ = os.Remove(s.cachePath(h))
		raw, err = s.load(ctx, s.direct, h, size)
	}
	if err == nil && !isNamed(raw, h.Name) {
		err = fmt.Errorf("%w: its content is not the one its name stands for", ErrDamaged)
	}
	return raw, err
}

func isNamed(raw []byte, name string) bool { return engrestic.Hash(raw).String() == name }

func (s *objectStore) load(ctx context.Context, from engbackend.Backend, h engbackend.Handle, size int64) ([]byte, error) {
	var buf bytes.Buffer
	err := from.Load(ctx, h, 0, 0, func(rd io.Reader) error {
		buf.Reset()
		buf.Grow(int(min(size, 16<<20)) + bytes.MinRead)
		n, err := io.Copy(&buf, io.LimitReader(rd, size+1))
		if err == nil && n != size {
			err = fmt.Errorf("%w: it has not the %d bytes that are listed", ErrDamaged, size)
		}
		return err
	})
	return buf.Bytes(), err
}

// part reads length bytes of a pack into buf.
func (s *objectStore) part(ctx context.Context, from engbackend.Backend, h engbackend.Handle, offset, length int64, buf []byte) error {
	return from.Load(ctx, h, int(length), offset, func(rd io.Reader) error {
		_, err := io.ReadFull(rd, buf[:length])
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it is shorter than it is listed", ErrDamaged)
		}
		return err
	})
}

// tidy removes from the cache what other moments had, once it is more than this one
// has.
func (s *objectStore) tidy(p *proof) {
	if s.dir == "" {
		return
	}
	for t, valid := range map[engbackend.FileType]engrestic.IDSet{
		engbackend.IndexFile: p.names.indexes, engbackend.SnapshotFile: p.names.snapshots, engbackend.PackFile: p.treePacks(),
	} {
		dir := filepath.Dir(filepath.Dir(s.cachePath(engbackend.Handle{Type: t, Name: "00"})))
		files, err := filepath.Glob(filepath.Join(dir, "??", "*"))
		if err == nil && len(files) > 2*len(valid)+100 {
			_ = s.cache.Clear(t, valid)
		}
	}
}

// renewed throws away the copy of a pack that was not known: it may be one of another
// version.
func (s *objectStore) renewed(info *packInfo) {
	if s.dir != "" && info.trees {
		s.drop(treeHandle(info.id))
	}
}

// drop throws away the copy of an object.
func (s *objectStore) drop(h engbackend.Handle) { _ = os.Remove(s.cachePath(h)) }
