package restic

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	// fsMemory bounds what an FS keeps in memory, in bytes.
	fsMemory = 64 << 20
	// fsAhead is how much is loaded ahead of a sequential reader, in bytes as stored.
	fsAhead = 16 << 20
)

// blobStore loads blobs, each once however many readers want it, and keeps the latest.
type blobStore struct {
	ctx    context.Context
	reader *Reader
	loads  sync.WaitGroup

	mu    sync.Mutex
	blobs map[BlobHandle]*storedBlob
	order *list.List // of *storedBlob that are loaded; the front is dropped first
	used  int64
	done  bool
}

// storedBlob is a blob in memory, or on its way there. What follows ready is set before
// it is closed.
type storedBlob struct {
	handle BlobHandle
	in     *list.Element // guarded by the store's mutex
	ready  chan struct{}
	data   []byte
	nodes  []TreeNode // of a tree
	cost   int64
	err    error
}

func newBlobStore(ctx context.Context, r *Reader) *blobStore {
	return &blobStore{ctx: ctx, reader: r, blobs: map[BlobHandle]*storedBlob{}, order: list.New()}
}

// wait returns when nothing is being loaded any more. The context must have ended.
func (b *blobStore) wait() {
	b.mu.Lock()
	b.done = true
	b.mu.Unlock()
	b.loads.Wait()
}

// claim returns the entry of a blob, and whether the caller has to load it.
func (b *blobStore) claim(h BlobHandle) (entry *storedBlob, load bool) {
	entry = b.blobs[h]
	if entry != nil {
		if entry.in != nil {
			b.order.MoveToBack(entry.in)
		}
		return entry, false
	}
	entry = &storedBlob{handle: h, ready: make(chan struct{})}
	b.blobs[h] = entry
	return entry, true
}

// finish makes a loaded blob available. One that failed is forgotten: the next reader
// tries again.
func (b *blobStore) finish(entry *storedBlob) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(entry.ready)
	if entry.err != nil {
		delete(b.blobs, entry.handle)
		return
	}
	entry.in = b.order.PushBack(entry)
	for b.used += entry.cost; b.used > fsMemory && b.order.Len() > 1; {
		oldest := b.order.Remove(b.order.Front()).(*storedBlob)
		delete(b.blobs, oldest.handle)
		b.used -= oldest.cost
	}
}

func (b *blobStore) await(entry *storedBlob) error {
	select {
	case <-entry.ready:
		return entry.err
	case <-b.ctx.Done():
		return b.ended()
	}
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
	h := BlobHandle{BlobTree, id}
	if b.ctx.Err() != nil {
		return nil, b.ended()
	}
	b.mu.Lock()
	entry, load := b.claim(h)
	b.mu.Unlock()
	if load {
		var raw []byte
		if raw, entry.err = b.reader.LoadBlob(b.ctx, h); entry.err == nil {
			entry.nodes, entry.err = DecodeTree(raw)
			entry.nodes, entry.cost = sortedNodes(entry.nodes), int64(4*len(raw))
		}
		b.finish(entry)
	}
	if err := b.await(entry); err != nil {
		return nil, err
	}
	return entry.nodes, nil
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
	if b.ctx.Err() != nil {
		return nil, b.ended()
	}
	entry := b.want(content, i, sequential)
	if err := b.await(entry); err != nil {
		return nil, err
	}
	return entry.data, nil
}

// want has blob i of a file loaded, and for a sequential reader those that follow, as
// soon as less than half of them is there or on its way.
func (b *blobStore) want(content []ID, i int, sequential bool) *storedBlob {
	b.mu.Lock()
	defer b.mu.Unlock()
	entry, load := b.claim(BlobHandle{BlobData, content[i]})
	var wanted []*storedBlob
	if load {
		wanted = append(wanted, entry)
	}
	if sequential && (load || b.runsLow(content[i:])) {
		size := uint(0)
		for _, id := range content[i:] {
			if size += b.location(id).Length; size > fsAhead {
				break
			}
			if next, load := b.claim(BlobHandle{BlobData, id}); load {
				wanted = append(wanted, next)
			}
		}
	}
	for _, run := range b.runs(wanted) {
		if b.done {
			run.refuse(b)
			continue
		}
		b.loads.Go(func() { b.load(run) })
	}
	return entry
}

// runsLow reports whether a blob of the first half of what is loaded ahead is missing.
func (b *blobStore) runsLow(content []ID) bool {
	size := uint(0)
	for _, id := range content {
		if size += b.location(id).Length; size > fsAhead/2 {
			return false
		}
		if b.blobs[BlobHandle{BlobData, id}] == nil {
			return true
		}
	}
	return false
}

// location is where a blob is; zero if it is nowhere.
func (b *blobStore) location(id ID) BlobLocation {
	if places := b.reader.Locations(BlobHandle{BlobData, id}); len(places) > 0 {
		return places[0]
	}
	return BlobLocation{}
}

// blobRun is blobs of one pack that lie close together, in the order of the pack.
type blobRun struct {
	entries []*storedBlob
	places  []BlobLocation
}

// end is the offset after the run.
func (r *blobRun) end() uint { last := r.places[len(r.places)-1]; return last.Offset + last.Length }

// runs puts blobs together that one request can load.
func (b *blobStore) runs(wanted []*storedBlob) (runs []*blobRun) {
	place := func(entry *storedBlob) BlobLocation { return b.location(entry.handle.ID) }
	for _, entries := range packRuns(wanted, place) {
		run := &blobRun{entries: entries}
		for _, entry := range entries {
			run.places = append(run.places, place(entry))
		}
		runs = append(runs, run)
	}
	return runs
}

// refuse fails the run's blobs. The caller holds the store's mutex.
func (r *blobRun) refuse(b *blobStore) {
	for _, entry := range r.entries {
		entry.err = fmt.Errorf("%w: the file system was closed", ErrClosed)
		close(entry.ready)
		delete(b.blobs, entry.handle)
	}
}

// load loads a run with one request. What that does not give is loaded by itself, from
// every place it is in.
func (b *blobStore) load(r *blobRun) {
	given := 0
	if first := r.places[0]; first.Length > 0 {
		_ = b.reader.LoadRange(b.ctx, BlobData, first.Pack, first.Offset, r.end()-first.Offset, func(rd io.Reader) error {
			at := first.Offset
			for i, place := range r.places {
				if _, err := io.CopyN(io.Discard, rd, int64(place.Offset-at)); err != nil {
					return err
				}
				at = place.Offset + place.Length
				buf := make([]byte, place.Length)
				if _, err := io.ReadFull(rd, buf); err != nil {
					return err
				}
				if i < given {
					continue // a second attempt
				}
				plain, err := b.reader.Decrypt(r.entries[i].handle, place, buf, func(size int) []byte { return make([]byte, size) })
				if err != nil {
					return nil // other places may have it
				}
				b.have(r.entries[i], plain)
				given++
			}
			return nil
		})
	}
	for _, entry := range r.entries[given:] {
		var plain []byte
		plain, entry.err = b.reader.LoadBlob(b.ctx, entry.handle)
		b.have(entry, plain)
	}
}

func (b *blobStore) have(entry *storedBlob, plain []byte) {
	entry.data, entry.cost = plain, int64(len(plain))
	b.finish(entry)
}
