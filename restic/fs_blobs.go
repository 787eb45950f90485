package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cesnet/rwm/internal/blobload"
)

const (
	// fsMemory bounds what an FS keeps in memory, in bytes.
	fsMemory = 64 << 20
	// fsTreeCost is what a byte of a tree takes in memory with its decoded entries.
	fsTreeCost = 4
	// fsAhead is how much is loaded ahead of a sequential reader, in bytes as stored.
	fsAhead = 16 << 20
)

// blobStore loads the blobs of an FS as a mount does.
type blobStore struct {
	ctx    context.Context
	reader *Reader
	source readerSource
	loader *blobload.Loader

	mu   sync.Mutex
	done bool
}

func newBlobStore(ctx context.Context, r *Reader) *blobStore {
	o := blobload.Options{Budget: fsMemory, TreeCost: fsTreeCost}
	source := newReaderSource(r)
	return &blobStore{ctx: ctx, reader: r, source: source, loader: blobload.New(ctx, source, o)}
}

// wait returns when nothing is being loaded any more. The context must have ended.
func (b *blobStore) wait() {
	b.mu.Lock()
	b.done = true
	b.mu.Unlock()
	b.loader.Wait()
}

// get waits for a blob.
func (b *blobStore) get(blob *blobload.Blob) error {
	select {
	case <-blob.Ready():
	case <-b.ctx.Done():
	}
	switch {
	case b.ctx.Err() != nil:
		return b.ended()
	case errors.Is(blob.Err, blobload.ErrMissing):
		return fmt.Errorf("%w: %v is not in the repository's index", ErrDamaged, b.source.Handle(blob.Handle))
	}
	return blob.Err
}

func (b *blobStore) ended() error {
	if b.reader.s.closing.Err() != nil {
		return ErrClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return fmt.Errorf("%w: the file system was closed", ErrClosed)
	}
	return b.ctx.Err()
}

// tree returns the entries of a directory that a path can name, ordered by name.
func (b *blobStore) tree(id ID) ([]TreeNode, error) {
	blob := b.loader.Want(blobload.Handle{Tree: true, ID: id})
	defer b.loader.Release(blob, false)
	if err := b.get(blob); err != nil {
		return nil, err
	}
	return blob.Tree.([]TreeNode), nil
}

// sortedNodes drops what no path can name and all but the last of several nodes with
// one name, as restic's mount does: nothing a backup makes.
func sortedNodes(nodes []TreeNode) []TreeNode {
	nodes = slices.DeleteFunc(nodes, func(n TreeNode) bool {
		return n.Name == "" || n.Name == "." || n.Name == ".." || strings.ContainsAny(n.Name, "/\x00")
	})
	slices.SortStableFunc(nodes, func(a, c TreeNode) int { return strings.Compare(a.Name, c.Name) })
	slices.Reverse(nodes)
	nodes = slices.CompactFunc(nodes, func(a, c TreeNode) bool { return a.Name == c.Name })
	slices.Reverse(nodes)
	return nodes
}

// data returns blob i of a file. For a sequential reader what follows is loaded ahead.
func (b *blobStore) data(content []ID, i int, sequential bool) ([]byte, error) {
	if sequential && b.runsLow(content[i:]) {
		b.loadAhead(content[i:])
	}
	blob := b.loader.Want(blobload.Handle{ID: content[i]})
	defer b.loader.Release(blob, false)
	if err := b.get(blob); err != nil {
		return nil, err
	}
	return blob.Data, nil // heap memory, so that it may be used after the release
}

// loadAhead has the blobs of a file loaded that a reader will want, in this order.
func (b *blobStore) loadAhead(content []ID) {
	var handles []blobload.Handle
	size := uint(0)
	for i, id := range content {
		if size += b.length(id); i > 0 && size > fsAhead {
			break
		}
		handles = append(handles, blobload.Handle{ID: id})
	}
	b.loader.Prefetch(handles, runSize, nil)
}

// runsLow reports whether a blob of the first half of what is loaded ahead is missing.
func (b *blobStore) runsLow(content []ID) bool {
	size := uint(0)
	for i, id := range content {
		if size += b.length(id); i > 0 && size > fsAhead/2 {
			return false
		}
		if !b.loader.Known(blobload.Handle{ID: id}) {
			return true
		}
	}
	return false
}

// length is the size of a blob as stored; 0 if it is nowhere.
func (b *blobStore) length(id ID) uint {
	if places := b.reader.Locations(BlobHandle{BlobData, id}); len(places) > 0 {
		return places[0].Length
	}
	return 0
}

// readerSource is a reader as the loader knows it.
type readerSource = blobload.Adapter[BlobType, ID, BlobHandle, BlobLocation]

func newReaderSource(r *Reader) readerSource {
	return readerSource{
		Reader: r, Data: BlobData, Tree: BlobTree, Trees: decodeSorted,
		Wrong: func(err error) bool { return errors.Is(err, ErrDamaged) },
	}
}

func decodeSorted(h BlobHandle, plain []byte) (any, error) {
	nodes, err := DecodeTree(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrDamaged, h, err)
	}
	return sortedNodes(nodes), nil
}
