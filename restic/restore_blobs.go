package restic

import (
	"context"
	"fmt"
	"slices"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// The restorer places the blobs of a file by their lengths in the index, and writes
// what it is given there. A forged index with another length would have it write good
// files wrong, without an error.

// LookupBlob returns the places of a blob that have the same length. Where they differ,
// the blob itself tells which are right.
func (r *restoreAhead) LookupBlob(t engrestic.BlobType, id engrestic.ID) []engrestic.PackedBlob {
	places := r.Repository.LookupBlob(t, id)
	if len(places) < 2 {
		return places
	}
	length := places[0].DataLength()
	if !slices.ContainsFunc(places, func(p engrestic.PackedBlob) bool { return p.DataLength() != length }) {
		return places
	}
	length, ok := r.trueLength(t, id)
	if !ok {
		return places
	}
	return slices.DeleteFunc(places, func(p engrestic.PackedBlob) bool { return p.DataLength() != length })
}

// LookupBlobSize is the length of the places that LookupBlob returns.
func (r *restoreAhead) LookupBlobSize(t engrestic.BlobType, id engrestic.ID) (uint, bool) {
	places := r.LookupBlob(t, id)
	if len(places) == 0 {
		return 0, false
	}
	return places[0].DataLength(), true
}

// trueLength loads a blob, once, to see how long it is.
func (r *restoreAhead) trueLength(t engrestic.BlobType, id engrestic.ID) (length uint, ok bool) {
	h := engrestic.BlobHandle{Type: t, ID: id}
	r.mu.Lock()
	length, ok = r.lengths[h]
	r.mu.Unlock()
	if ok {
		return length, true
	}
	plain, err := r.Repository.LoadBlob(r.ctx, t, id, nil)
	if err != nil {
		return 0, false // and loading it for the file will fail, too
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lengths[h] = uint(len(plain))
	return uint(len(plain)), true
}

// LoadBlobsFromPack passes blobs to fn as the engine does, but as damaged if they are
// not as long as the index says.
func (r *restoreAhead) LoadBlobsFromPack(ctx context.Context, pack engrestic.ID, blobs engrestic.Blobs, fn func(h engrestic.BlobHandle, buf []byte, err error) error) error {
	lengths := make(map[engrestic.BlobHandle]uint, len(blobs))
	for _, b := range blobs {
		lengths[b.BlobHandle] = b.DataLength()
	}
	return r.Repository.LoadBlobsFromPack(ctx, pack, blobs, func(h engrestic.BlobHandle, buf []byte, err error) error {
		if want := lengths[h]; err == nil && uint(len(buf)) != want {
			err = fmt.Errorf("%w: %v has %d bytes, but the index says %d", ErrDamaged, h, len(buf), want)
		}
		return fn(h, buf, err)
	})
}
