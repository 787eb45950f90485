package restic

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	engbackend "github.com/restic/restic/rwmlink/backend"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// packSizes refuses packs with blobs that unpack to more than the index says: the
// engine would give such a blob up to 16 GiB. It lies below everything that the engine
// does with packs, so that every operation is covered, and costs a few AES blocks for
// each 128 KiB: only the headers in the compressed text are decrypted.
//
// What a blob may unpack to by its index is bounded by checkIndexNumbers.
type packSizes struct {
	location string
	repo     atomic.Pointer[engrepository.Repository]

	mu    sync.Mutex
	trees packTables // packs that have trees, which is all that most commands read
	all   packTables
}

type packTables map[engrestic.ID][]sizedBlob

// sizedBlob is a compressed blob as the index describes it.
type sizedBlob struct{ offset, length, plain uint32 }

// blobs returns the compressed blobs of a pack in their order.
func (s *packSizes) blobs(ctx context.Context, h engbackend.Handle) ([]sizedBlob, error) {
	repo := s.repo.Load()
	id, err := engrestic.ParseID(h.Name)
	if repo == nil || err != nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil {
		return s.all[id], nil
	}
	if h.IsMetadata {
		if s.trees == nil {
			s.trees, err = sizesOf(ctx, repo, true)
		}
		if blobs, ok := s.trees[id]; ok || err != nil {
			return blobs, err
		}
	}
	if s.all, err = sizesOf(ctx, repo, false); err != nil {
		return nil, err
	}
	s.trees = nil
	return s.all[id], nil
}

// sizesOf makes a table of the sizes in the index. It returns nil if the index is not
// loaded yet.
func sizesOf(ctx context.Context, repo *engrepository.Repository, treesOnly bool) (packTables, error) {
	var table packTables
	if treesOnly {
		err := repo.ListBlobs(ctx, func(b engrestic.PackedBlob) {
			if b.Type == engrestic.TreeBlob {
				if table == nil {
					table = packTables{}
				}
				table[b.PackID] = nil
			}
		})
		if err != nil {
			return nil, err
		}
	}
	err := repo.ListBlobs(ctx, func(b engrestic.PackedBlob) {
		if _, wanted := table[b.PackID]; treesOnly && !wanted {
			return
		}
		if table == nil {
			table = packTables{}
		}
		if b.IsCompressed() {
			table[b.PackID] = append(table[b.PackID], sizedBlob{uint32(b.Offset), uint32(b.Length), uint32(b.UncompressedLength)})
		}
	})
	if err != nil {
		return nil, err
	}
	for pack, blobs := range table {
		slices.SortFunc(blobs, func(a, b sizedBlob) int { return cmp.Compare(a.offset, b.offset) })
		table[pack] = slices.Compact(blobs) // a pack may be in two indexes
	}
	return table, nil
}

// load passes part of a pack to fn, up to the first blob in it that unpacks to more
// than it may.
func (s *packSizes) load(ctx context.Context, h engbackend.Handle, offset int64, rd io.Reader, fn func(io.Reader) error) error {
	blobs, err := s.blobs(ctx, h)
	if err != nil {
		return err
	}
	if len(blobs) == 0 {
		return fn(rd)
	}
	first, _ := slices.BinarySearchFunc(blobs, offset, func(b sizedBlob, at int64) int { return cmp.Compare(int64(b.offset), at) })
	w := &watchedPack{rd: rd, sizes: s, object: objectName(h), at: offset, blobs: blobs[first:]}
	err = fn(w)
	if w.bomb != nil {
		return w.bomb // the engine may wrap it so that it would be tried again for long
	}
	return err
}

// watchedPack passes on part of a pack. It does not check blobs that begin before the
// part; the engine reads whole ones.
type watchedPack struct {
	rd     io.Reader
	sizes  *packSizes
	object string
	bomb   error
	at     int64
	blobs  []sizedBlob // from the first that can begin at at or later
	open   []*blobWalk // those that go on; several only if blobs overlap
}

func (w *watchedPack) Read(p []byte) (int, error) {
	if w.bomb != nil {
		return 0, w.bomb
	}
	n, err := w.rd.Read(p)
	if w.bomb = w.look(p[:n]); w.bomb != nil {
		return 0, w.bomb
	}
	return n, err
}

func (w *watchedPack) look(p []byte) error {
	end := w.at + int64(len(p))
	open := w.open[:0]
	feed := func(walk *blobWalk) error {
		begin := int64(walk.blob.offset)
		if err := walk.feed(w.at-begin, p); err != nil {
			return w.damaged(fmt.Sprintf("its blob at %d does not unpack to the %d bytes that the index says: %s", begin, walk.blob.plain, oneLine(err)))
		}
		if !walk.done && begin+int64(walk.blob.length) > end {
			open = append(open, walk)
		}
		return nil
	}
	for _, walk := range w.open {
		if err := feed(walk); err != nil {
			return err
		}
	}
	for len(w.blobs) > 0 && int64(w.blobs[0].offset) < end {
		if err := feed(&blobWalk{blob: w.blobs[0], key: w.sizes.repo.Load().Key()}); err != nil {
			return err
		}
		if w.blobs = w.blobs[1:]; len(open) > maxOverlap {
			return w.damaged("an index says that many of its blobs lie at one place")
		}
	}
	w.open, w.at = open, end
	return nil
}

func (w *watchedPack) damaged(reason string) error {
	return &damagedError{w.sizes.location, w.object, reason}
}
