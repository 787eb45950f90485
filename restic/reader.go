package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/restic/restic/rwmlink/backend"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// Reader reads single blobs of a repository, for callers that plan their own requests as a mount does. Everything else is better served
// by Restore and Dump. It is safe for concurrent use.
//
// Keys never leave the reader: ranges of packs come out of it encrypted, and go back in to be decrypted and verified.
type Reader struct {
	s     *Session
	repo  atomic.Pointer[repository.Repository]
	data  backend.Backend
	trees backend.Backend // the same behind the cache, if there is one
	zstd  *zstd.Decoder
	close func()
	held  sync.WaitGroup

	inUse  sync.RWMutex // held for reading by those who use zstd, which must not be closed under them
	closed bool
}

// BlobType is what a blob holds.
type BlobType uint8

// The types of blobs.
const (
	BlobData BlobType = iota + 1 // part of a file
	BlobTree                     // the entries of a directory; see DecodeTree
)

// String returns the word restic uses.
func (t BlobType) String() string { return t.engine().String() }

func (t BlobType) engine() restic.BlobType {
	if t == BlobTree {
		return restic.TreeBlob
	}
	return restic.DataBlob
}

// BlobHandle names a blob.
type BlobHandle struct {
	Type BlobType
	ID   ID // SHA-256 of the plain bytes
}

// String returns what messages call the blob.
func (h BlobHandle) String() string { return fmt.Sprintf("%v blob %s", h.Type, h.ID.Short()) }

// BlobPlace says where a copy of a blob is stored. Sizes and offsets are in bytes.
type BlobPlace struct {
	Pack       ID
	Offset     uint
	Length     uint // as stored
	Size       uint // plain
	Compressed bool
}

// Reader returns a reader that knows every blob that was in the storage when Reader was called. It holds the session's shared lock until Close:
// meanwhile exclusive operations (forget, prune) of this session return ErrReaderOpen, those of others a LockedError. Close it before the session,
// which else ends it: its loads then return ErrClosed.
//
// ctx bounds only the call itself.
func (s *Session) Reader(ctx context.Context) (*Reader, error) {
	if s.closing.Err() != nil {
		return nil, fmt.Errorf("%s: %w", s.loc, ErrClosed)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	unbind := context.AfterFunc(s.closing, end)
	be := newPatient(s)
	r := &Reader{s: s, data: be, trees: be, zstd: dec, close: func() { unbind(); end() }}
	if s.cache != nil {
		r.trees = s.cache.Wrap(be, s.logCache)
	}
	s.readers.Add(1)
	opened := make(chan error, 1)
	r.held.Go(func() { r.hold(life, opened) })
	err = <-opened
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// hold keeps the session in use and its lock held until life ends. A lost lock is taken again.
func (r *Reader) hold(life context.Context, opened chan<- error) {
	for {
		err := r.s.read(life, true, func(ctx context.Context, repo *repository.Repository) error {
			r.repo.Store(repo)
			select {
			case opened <- nil:
			default:
			}
			<-ctx.Done()
			return ctx.Err()
		})
		select {
		case opened <- err: // it never worked
			return
		default:
		}
		if life.Err() != nil {
			return
		}
		r.s.opts.logger.Warn("lock of a reader lost, going on with a new one if there can be one", "location", r.s.loc.String(), "error", oneLine(err))
		if !errors.Is(err, ErrLockLost) {
			return
		}
	}
}

// Close ends the reader and lets go of the session. Closing again does nothing.
func (r *Reader) Close() error {
	r.close()
	r.held.Wait()
	r.inUse.Lock()
	defer r.inUse.Unlock()
	if !r.closed {
		r.closed = true
		r.zstd.Close()
		r.s.readers.Add(-1)
	}
	return nil
}

// Refresh makes the reader know what was added to the repository since.
func (r *Reader) Refresh(ctx context.Context) error {
	return r.s.read(ctx, true, func(_ context.Context, repo *repository.Repository) error {
		r.repo.Store(repo)
		return nil
	})
}

// Connections is how many loads run at the same time; more of them wait.
func (r *Reader) Connections() int { return int(r.s.stack.Properties().Connections) }

// CachesTrees reports whether packs of trees are kept in a local cache, so that the first load of one makes the others in its pack local.
func (r *Reader) CachesTrees() bool { return r.s.cache != nil }

// Size returns the plain size of a blob, and whether the repository has it.
func (r *Reader) Size(h BlobHandle) (uint64, bool) {
	n, ok := r.repo.Load().LookupBlobSize(h.Type.engine(), restic.ID(h.ID))
	return uint64(n), ok
}

// Places returns where the copies of a blob are: usually one, none if the repository does not have it.
func (r *Reader) Places(h BlobHandle) []BlobPlace {
	found := r.repo.Load().LookupBlob(h.Type.engine(), restic.ID(h.ID))
	places := make([]BlobPlace, len(found))
	for i, b := range found {
		places[i] = BlobPlace{Pack: ID(b.PackID), Offset: b.Offset, Length: b.Length, Size: b.DataLength(), Compressed: b.IsCompressed()}
	}
	return places
}

// LoadRange calls fn with a stream of length bytes of a pack from offset on. Packs of trees go through the cache, packs of data past it. The stream is
// as it is stored: see Open. After a failure in the middle the load may be tried again, and then fn is called again.
func (r *Reader) LoadRange(ctx context.Context, t BlobType, pack ID, offset, length uint, fn func(io.Reader) error) error {
	if r.s.closing.Err() != nil {
		return fmt.Errorf("%s: %w", r.s.loc, ErrClosed)
	}
	be := r.data
	if t == BlobTree {
		be = r.trees
	}
	return be.Load(ctx, packHandle(t, pack), int(length), int64(offset), fn)
}

func packHandle(t BlobType, pack ID) backend.Handle {
	return backend.Handle{Type: backend.PackFile, Name: pack.String(), IsMetadata: t == BlobTree}
}

// Open decrypts a blob that was loaded from a place, in place, and verifies that its plain bytes are the ones its ID stands for. room returns a
// buffer of the given length, and is called only for a compressed blob.
//
// The error wraps ErrDamaged; buf then holds nothing of use.
func (r *Reader) Open(h BlobHandle, p BlobPlace, buf []byte, room func(size int) []byte) ([]byte, error) {
	plain, err := r.open(p, buf, room)
	if err == nil && restic.Hash(plain) != restic.ID(h.ID) {
		err = errors.New("its bytes are not the ones its ID stands for")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v in pack %s at %d: %w", ErrDamaged, h, p.Pack, p.Offset, err)
	}
	return plain, nil
}

func (r *Reader) open(p BlobPlace, buf []byte, room func(size int) []byte) ([]byte, error) {
	key := r.repo.Load().Key()
	if len(buf) < key.NonceSize()+key.Overhead() {
		return nil, fmt.Errorf("%d bytes are too short", len(buf))
	}
	nonce, text := buf[:key.NonceSize()], buf[key.NonceSize():]
	plain, err := key.Open(text[:0], nonce, text, nil)
	if err != nil || !p.Compressed {
		return plain, err
	}
	if raw, ok := unwrapRaw(plain); ok {
		return raw, nil // of any length, but not longer than buf
	}
	r.inUse.RLock()
	defer r.inUse.RUnlock()
	if r.closed {
		return nil, ErrClosed
	}
	plain, err = r.zstd.DecodeAll(plain, room(int(p.Size))[:0])
	if err == nil && len(plain) != int(p.Size) {
		return nil, fmt.Errorf("it unpacks to %d bytes, not to %d as the index says", len(plain), p.Size)
	}
	return plain, err
}

// LoadBlob loads a blob whole. It tries every copy there is, and once more past a cache that turns out to be damaged.
func (r *Reader) LoadBlob(ctx context.Context, h BlobHandle) ([]byte, error) {
	places := r.Places(h)
	if len(places) == 0 {
		return nil, fmt.Errorf("%s: %v is not in the repository's index", r.s.loc, h)
	}
	var errs []error
	for _, p := range places {
		plain, err := r.loadFrom(ctx, h, p)
		if err != nil && h.Type == BlobTree && r.s.cache != nil && r.s.cache.Forget(packHandle(h.Type, p.Pack)) == nil {
			plain, err = r.loadFrom(ctx, h, p)
		}
		if err == nil {
			return plain, nil
		}
		errs = append(errs, err)
	}
	return nil, explain(r.s.loc, errors.Join(errs...))
}

func (r *Reader) loadFrom(ctx context.Context, h BlobHandle, p BlobPlace) (plain []byte, err error) {
	buf := make([]byte, p.Length)
	err = r.LoadRange(ctx, h.Type, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
		_, err := io.ReadFull(rd, buf)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.Open(h, p, buf, func(size int) []byte { return make([]byte, size) })
}
