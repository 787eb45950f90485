package restic

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// storedBlobs is the index of a repository as a backup needs it. The engine gets the
// trees, which are read. Of data a backup asks only whether a blob is there, so the IDs
// of data are kept apart, in half of the memory and decoded in a fraction of the time.
//
// It stands between the engine and the storage (keyView): when the engine lists the
// indexes for the first time, to load them, all of them are read, and instead of each
// the engine gets an index of the trees in it.
type storedBlobs struct {
	store    objectStore
	stack    *tracker
	location string
	limit    int // indexes that are read at a time
	data     knownIDs

	mu     sync.Mutex
	listed bool
	trees  map[string][]byte // indexes of trees, sealed, until the engine takes them
}

func newStoredBlobs(s *Session) *storedBlobs {
	return &storedBlobs{
		store: newObjectStore(s, objectName, nil), stack: s.stack, location: s.loc.String(),
		limit: int(s.opts.connections) + runtime.GOMAXPROCS(0), trees: map[string][]byte{},
	}
}

// list reads the indexes of the storage and gives fn those that the engine is to load.
func (b *storedBlobs) list(ctx context.Context, repo *engrepository.Repository, fn func(engbackend.FileInfo) error) error {
	var files []listedObject
	err := b.stack.List(ctx, engbackend.IndexFile, func(fi engbackend.FileInfo) error {
		if f, ok := listed(fi); ok {
			files = append(files, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(b.limit)
	for _, f := range files {
		group.Go(func() error { return b.read(reading, repo, f) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.data.seal()
	b.mu.Lock()
	b.listed = true
	infos := make([]engbackend.FileInfo, 0, len(b.trees))
	for name, sealed := range b.trees {
		infos = append(infos, engbackend.FileInfo{Name: name, Size: int64(len(sealed))})
	}
	b.mu.Unlock()
	for _, fi := range infos {
		if err := fn(fi); err != nil {
			return err
		}
	}
	return nil
}

// toLoad reports whether the engine is about to load the indexes. Later it sees those of
// the storage. b may be nil.
func (b *storedBlobs) toLoad() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.listed
}

// take returns one of what list named, once; nil if it is none. b may be nil.
func (b *storedBlobs) take(h engbackend.Handle) []byte {
	if b == nil || h.Type != engbackend.IndexFile {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sealed := b.trees[h.Name]
	delete(b.trees, h.Name)
	return sealed
}

// read reads an index.
func (b *storedBlobs) read(ctx context.Context, repo *engrepository.Repository, f listedObject) error {
	done, err := b.store.hold(ctx, 4*f.size)
	if err != nil {
		return err
	}
	defer done()
	h := engbackend.Handle{Type: engbackend.IndexFile, Name: f.id.String()}
	raw, err := b.store.whole(ctx, h, f.size)
	if errors.Is(err, ErrDamaged) && ctx.Err() == nil {
		raw, err = b.store.whole(ctx, h, f.size) // it may have been damaged on its way
	}
	if errors.Is(err, ErrDamaged) {
		return b.damaged(h, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", objectName(h), err)
	}
	plain, err := b.stack.unpack.unseal(repo.Key(), h.Type, raw)
	if err != nil {
		return b.damaged(h, err)
	}
	one := splitIndex{compressed: repo.Config().Version > 1}
	if err := one.read(plain); err != nil {
		return b.damaged(h, err)
	}
	b.data.add(one.data)
	if len(one.trees) == 0 {
		return nil
	}
	sealed := sealText(repo.Key(), one.text())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trees[engrestic.Hash(sealed).String()] = sealed
	return nil
}

// damaged names the index that is damaged.
func (b *storedBlobs) damaged(h engbackend.Handle, err error) error {
	if named := (*damagedError)(nil); errors.As(err, &named) {
		return named
	}
	reason := strings.TrimPrefix(oneLine(err), ErrDamaged.Error()+": ")
	return &damagedError{b.location, objectName(h), reason}
}

// splitIndex is an index, its trees apart from its data.
type splitIndex struct {
	compressed bool // the format of the repository knows compression
	data       []ID
	trees      []byte // JSON of the packs that have trees
}

func (x *splitIndex) read(plain []byte) error {
	err := scanIndex(plain, x.add)
	if err == errOddIndex {
		x.data, x.trees = nil, nil
		err = readIndexSlowly(plain, x.add)
	}
	return err
}

// add takes in what an index says about a pack.
func (x *splitIndex) add(pack ID, blobs []indexBlob) error {
	trees := 0
	for _, b := range blobs {
		if b.plain != 0 && !x.compressed {
			return errors.New("index uses feature not supported by repository version 1")
		}
		if !b.tree {
			x.data = append(x.data, b.id)
			continue
		}
		if trees++; trees == 1 {
			x.trees = append(x.trees, `,{"id":"`...)
			x.trees = hex.AppendEncode(x.trees, pack[:])
			x.trees = append(x.trees, `","blobs":[`...)
		} else {
			x.trees = append(x.trees, ',')
		}
		x.trees = append(x.trees, `{"id":"`...)
		x.trees = hex.AppendEncode(x.trees, b.id[:])
		x.trees = append(x.trees, `","type":"tree","offset":`...)
		x.trees = strconv.AppendUint(x.trees, uint64(b.offset), 10)
		x.trees = append(x.trees, `,"length":`...)
		x.trees = strconv.AppendUint(x.trees, uint64(b.length), 10)
		if b.plain != 0 {
			x.trees = append(x.trees, `,"uncompressed_length":`...)
			x.trees = strconv.AppendUint(x.trees, uint64(b.plain), 10)
		}
		x.trees = append(x.trees, '}')
	}
	if trees > 0 {
		x.trees = append(x.trees, "]}"...)
	}
	return nil
}

// text returns an index of the trees alone.
func (x *splitIndex) text() []byte {
	return append(append([]byte(`{"packs":[`), x.trees[1:]...), "]}"...)
}

// sealText encrypts as restic does.
func sealText(key *engcrypto.Key, text []byte) []byte {
	nonce := engcrypto.NewRandomNonce()
	return key.Seal(append(make([]byte, 0, engcrypto.CiphertextLength(len(text))), nonce...), nonce, text, nil)
}
