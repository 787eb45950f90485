package restic

import (
	"bytes"
	"context"
	"iter"
	"slices"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// blobSet is a set of blobs. It costs a byte for each blob of the index, whatever is in
// it.
//
// The engine's own set holds the read lock of the index while it lists its members, and
// takes it again for each blob. As soon as another operation of the session waits for
// the write lock in between, as a backup does for every blob that it saves, both wait
// for ever. This set lists its members outside of the lock.
//
// Like the engine's, a set is for one goroutine at a time.
type blobSet struct {
	members engrestic.AssociatedBlobSet
	repo    blobIndex
	// stray has the members that were in no index when they came: damage, or a blob
	// that is being saved.
	stray map[engrestic.BlobHandle]struct{}
}

// blobIndex is the part of a repository that a blobSet uses.
type blobIndex interface {
	ListBlobs(ctx context.Context, fn func(engrestic.PackedBlob)) error
	LookupBlob(t engrestic.BlobType, id engrestic.ID) []engrestic.PackedBlob
}

func newBlobSet(repo *engrepository.Repository) *blobSet {
	return &blobSet{repo.NewAssociatedBlobSet(), repo, make(map[engrestic.BlobHandle]struct{})}
}

// Has reports whether a blob is in the set.
func (s *blobSet) Has(h engrestic.BlobHandle) bool { return s.members.Has(h) }

// Insert adds a blob, which need not be in an index.
func (s *blobSet) Insert(h engrestic.BlobHandle) {
	if s.Has(h) {
		return
	}
	s.members.Insert(h)
	if len(s.repo.LookupBlob(h.Type, h.ID)) == 0 {
		s.stray[h] = struct{}{}
	}
}

// Delete removes a blob.
func (s *blobSet) Delete(h engrestic.BlobHandle) {
	s.members.Delete(h)
	delete(s.stray, h)
}

// Len counts the members. It costs as much as Keys.
func (s *blobSet) Len() int {
	n := 0
	for range s.Keys() {
		n++
	}
	return n
}

// Keys returns each member once. Members that came while it runs may be missing. It
// costs one pass over an index of up to keysAtATime blobs; over a larger one, a pass to
// count them and one for every keysAtATime.
func (s *blobSet) Keys() iter.Seq[engrestic.BlobHandle] {
	return s.keys(keysAtATime)
}

// keysAtATime bounds the memory of Keys to about 40 MB.
const keysAtATime = 1 << 20

func (s *blobSet) keys(atATime int) iter.Seq[engrestic.BlobHandle] {
	return func(yield func(engrestic.BlobHandle) bool) {
		for h := range s.stray {
			if !yield(h) {
				return
			}
		}
		count := 0
		var some []engrestic.BlobHandle
		s.list(func(h engrestic.BlobHandle) {
			if count++; count <= atATime {
				some = append(some, h)
			}
		})
		if count <= atATime {
			s.each(some, yield)
			return
		}
		// IDs are evenly spread, so a range of their first 16 bits is a share of them.
		// Blobs that are added meanwhile move nothing from one share to another.
		shares := min(count/atATime+1, 1<<16)
		for i := range shares {
			some = some[:0]
			s.list(func(h engrestic.BlobHandle) {
				first := int(h.ID[0])<<8 | int(h.ID[1])
				if first*shares>>16 == i {
					some = append(some, h)
				}
			})
			if !s.each(some, yield) {
				return
			}
		}
	}
}

// each yields the members among blobs that were listed, and reports whether yield wants
// more. Some of them may be listed twice, since they are in several packs.
func (s *blobSet) each(listed []engrestic.BlobHandle, yield func(engrestic.BlobHandle) bool) bool {
	slices.SortFunc(listed, compareHandles)
	for _, h := range slices.Compact(listed) {
		if _, ok := s.stray[h]; !ok && s.Has(h) && !yield(h) {
			return false
		}
	}
	return true
}

// list calls fn with the blobs of the index while its lock is held: fn may use nothing
// that asks the index.
func (s *blobSet) list(fn func(engrestic.BlobHandle)) {
	// Without a cancellation there is no error.
	_ = s.repo.ListBlobs(context.Background(), func(pb engrestic.PackedBlob) { fn(pb.BlobHandle) })
}

func compareHandles(a, b engrestic.BlobHandle) int {
	if n := bytes.Compare(a.ID[:], b.ID[:]); n != 0 {
		return n
	}
	return int(a.Type) - int(b.Type)
}
