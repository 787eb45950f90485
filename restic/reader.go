package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Reader reads single blobs of a repository, for callers such as a mount that plan
// their own requests. Other callers should use Restore and Dump. It is safe for
// concurrent use.
//
// Keys never leave the reader: LoadRange returns parts of packs encrypted, and Decrypt
// decrypts and verifies them.
type Reader struct {
	s     *Session
	repo  atomic.Pointer[engrepository.Repository]
	data  engbackend.Backend
	trees engbackend.Backend // the same behind the cache, if there is one
	zstd  *zstd.Decoder
	close func()
	held  sync.WaitGroup

	// held for reading by those who use zstd, which must not be closed under them
	inUse  sync.RWMutex
	closed bool
}

// BlobType is the kind of a blob.
type BlobType uint8

// The types of blobs.
const (
	BlobData BlobType = iota + 1 // part of a file
	BlobTree                     // the entries of a directory; see DecodeTree
)

// String returns the word restic uses.
func (t BlobType) String() string { return t.engine().String() }

func (t BlobType) engine() engrestic.BlobType {
	if t == BlobTree {
		return engrestic.TreeBlob
	}
	return engrestic.DataBlob
}

// BlobHandle names a blob.
type BlobHandle struct {
	Type BlobType
	ID   ID // SHA-256 of the plain bytes
}

// String returns what messages call the blob.
func (h BlobHandle) String() string { return fmt.Sprintf("%v blob %s", h.Type, h.ID.Short()) }

// BlobLocation is where a copy of a blob is stored. Sizes and offsets are in bytes.
type BlobLocation struct {
	Pack       ID
	Offset     uint
	Length     uint // as stored
	Size       uint // plain
	Compressed bool
}

// Reader returns a reader that knows every blob that was in the storage when Reader was
// called. It holds the session's shared lock until Close. Meanwhile exclusive
// operations (forget, prune) of this session return ErrReaderOpen, those of other
// sessions a LockedError. Close it before the session; otherwise closing the session
// ends it, and its loads return ErrClosed.
//
// ctx bounds only the call itself.
func (s *Session) Reader(ctx context.Context) (*Reader, error) {
	if s.never() {
		return nil, errNilSession
	}
	if s.closing.Err() != nil {
		return nil, fmt.Errorf("%s: %w", s.loc, ErrClosed)
	}
	dec, err := newDecoder()
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
	if err == nil {
		err = s.mayRead(ctx, r.repo.Load())
	}
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// bareReader returns a reader for an operation in progress, and relies on its lock. The
// caller closes its zstd decoder at the end, not the reader.
func (s *Session) bareReader(repo *engrepository.Repository) (*Reader, error) {
	dec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	r := &Reader{s: s, data: s.stack, trees: s.stack, zstd: dec}
	r.repo.Store(repo)
	return r, nil
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
}

// hold keeps the session in use and its lock held until life ends. If the lock is lost,
// it takes a new one.
func (r *Reader) hold(life context.Context, opened chan<- error) {
	for {
		err := r.s.run(life, access{index: true}, func(ctx context.Context, repo *engrepository.Repository) error {
			r.repo.Store(repo)
			select {
			case opened <- nil:
			default:
			}
			<-ctx.Done()
			return ctx.Err()
		})
		select {
		case opened <- err: // it never opened
			return
		default:
		}
		if life.Err() != nil {
			return
		}
		r.s.opts.logger.Warn("the lock of a reader was lost; trying to take a new one", "location", r.s.loc.String(), "error", oneLine(err))
		if !errors.Is(err, ErrLockLost) {
			return
		}
	}
}

// never reports whether the reader was not made by Session.Reader.
func (r *Reader) never() bool {
	return r == nil || r.s == nil || r.repo.Load() == nil && r.close == nil
}

// Close ends the reader and releases the session. Closing it again does nothing.
func (r *Reader) Close() error {
	if r.never() {
		return errNilSession
	}
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

// Refresh makes the reader know the blobs that were added to the repository since.
func (r *Reader) Refresh(ctx context.Context) error {
	if r.never() {
		return errNilSession
	}
	return r.s.run(ctx, access{index: true}, func(_ context.Context, repo *engrepository.Repository) error {
		r.repo.Store(repo)
		return nil
	})
}

// Connections is how many loads run at the same time; further loads wait.
func (r *Reader) Connections() int {
	if r.never() {
		return 0
	}
	return int(r.s.stack.Properties().Connections)
}

// CachesTrees reports whether packs of trees are kept in a local cache, so that the
// first load of one makes the others in its pack local.
func (r *Reader) CachesTrees() bool { return !r.never() && r.s.cache != nil }

// Size returns the plain size of a blob, and whether the repository has it.
func (r *Reader) Size(h BlobHandle) (uint64, bool) {
	if r.never() {
		return 0, false
	}
	n, ok := r.repo.Load().LookupBlobSize(h.Type.engine(), engrestic.ID(h.ID))
	return uint64(n), ok
}

// Locations returns where the copies of a blob are: usually one, or none if the
// repository does not have it.
func (r *Reader) Locations(h BlobHandle) []BlobLocation {
	if r.never() {
		return nil
	}
	found := r.repo.Load().LookupBlob(h.Type.engine(), engrestic.ID(h.ID))
	locations := make([]BlobLocation, len(found))
	for i, b := range found {
		locations[i] = BlobLocation{Pack: ID(b.PackID), Offset: b.Offset, Length: b.Length, Size: b.DataLength(), Compressed: b.IsCompressed()}
	}
	return locations
}

// LoadRange calls fn with a stream of length bytes of a pack from offset on. Packs of
// trees go through the cache, packs of data past it. The stream is encrypted: see
// Decrypt. After a failure in the middle the load may be retried, and fn is then called
// again.
func (r *Reader) LoadRange(ctx context.Context, t BlobType, pack ID, offset, length uint, fn func(io.Reader) error) error {
	if r.never() {
		return errNilSession
	}
	if r.s.closing.Err() != nil {
		return fmt.Errorf("%s: %w", r.s.loc, ErrClosed)
	}
	be := r.data
	if t == BlobTree {
		be = r.trees
	}
	return be.Load(ctx, packHandle(t, pack), int(length), int64(offset), fn)
}

func packHandle(t BlobType, pack ID) engbackend.Handle {
	return engbackend.Handle{Type: engbackend.PackFile, Name: pack.String(), IsMetadata: t == BlobTree}
}

// Decrypt decrypts a blob in buf, which LoadRange read from p, in place, and verifies
// its plain bytes against its ID. room returns a buffer of the given length, and is
// called only for a compressed blob.
//
// The error wraps ErrDamaged; the content of buf is then undefined.
func (r *Reader) Decrypt(h BlobHandle, p BlobLocation, buf []byte, room func(size int) []byte) ([]byte, error) {
	plain, err := r.decrypt(p, buf, room)
	if err == nil && engrestic.Hash(plain) != engrestic.ID(h.ID) {
		err = errors.New("its content does not match its ID")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v in pack %s at %d: %w", ErrDamaged, h, p.Pack, p.Offset, err)
	}
	return plain, nil
}

func (r *Reader) decrypt(p BlobLocation, buf []byte, room func(size int) []byte) ([]byte, error) {
	if r.never() {
		return nil, errNilSession
	}
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
		plain = raw
	} else if plain, err = r.unpack(plain, room(int(p.Size))[:0]); err != nil {
		return nil, err
	}
	if len(plain) != int(p.Size) {
		return nil, fmt.Errorf("it unpacks to %d bytes, but the index says %d", len(plain), p.Size)
	}
	return plain, nil
}

func (r *Reader) unpack(frames, buf []byte) ([]byte, error) {
	r.inUse.RLock()
	defer r.inUse.RUnlock()
	if r.closed {
		return nil, ErrClosed
	}
	return r.zstd.DecodeAll(frames, buf)
}

// LoadBlob loads a whole blob. It tries every copy, and bypasses the cache if that
// turns out to be damaged.
func (r *Reader) LoadBlob(ctx context.Context, h BlobHandle) ([]byte, error) {
	if r.never() {
		return nil, errNilSession
	}
	locations := r.Locations(h)
	if len(locations) == 0 {
		return nil, fmt.Errorf("%s: %v is not in the repository's index", r.s.loc, h)
	}
	var errs []error
	for _, p := range locations {
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

func (r *Reader) loadFrom(ctx context.Context, h BlobHandle, p BlobLocation) (plain []byte, err error) {
	buf := make([]byte, p.Length)
	err = r.LoadRange(ctx, h.Type, p.Pack, p.Offset, p.Length, func(rd io.Reader) error {
		_, err := io.ReadFull(rd, buf)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.Decrypt(h, p, buf, func(size int) []byte { return make([]byte, size) })
}
