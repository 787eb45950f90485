package restic

import (
	"bytes"
	"context"
	"runtime"
	"sync"

	"github.com/restic/chunker"
	"golang.org/x/sync/errgroup"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// backupRepository is a repository as a backup writes to it. What the storage has of
// data is known from stored; the engine's index has the trees and what it has saved
// itself. If stored is nil, the engine's index is whole.
type backupRepository struct {
	*engrepository.Repository
	stored *storedBlobs
}

// hasData reports whether a data blob is in the repository, or on its way there.
func (r *backupRepository) hasData(id engrestic.ID) bool {
	if r.stored != nil && r.stored.data.has(ID(id)) {
		return true
	}
	_, ok := r.Repository.LookupBlobSize(engrestic.DataBlob, id)
	return ok
}

// LookupBlobSize tells whether a blob is there, which is all that an archiver asks; the
// size of data is 0 unless the engine knows it.
func (r *backupRepository) LookupBlobSize(t engrestic.BlobType, id engrestic.ID) (uint, bool) {
	size, ok := r.Repository.LookupBlobSize(t, id)
	return size, ok || t == engrestic.DataBlob && r.hasData(id)
}

// WithBlobUploader gives fn an uploader that does not save data which is stored.
func (r *backupRepository) WithBlobUploader(ctx context.Context, fn func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error) error {
	if r.stored == nil {
		return r.Repository.WithBlobUploader(ctx, fn)
	}
	return r.Repository.WithBlobUploader(ctx, func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(1 + runtime.GOMAXPROCS(0)) // fn and those who save
		group.Go(func() error { return fn(ctx, &dataUploader{uploader, &r.stored.data, group}) })
		return group.Wait()
	})
}

// dataUploader saves data as the engine does, but for the blobs of a set.
type dataUploader struct {
	engrestic.BlobSaverWithAsync
	stored *knownIDs
	group  *errgroup.Group
}

func (u *dataUploader) SaveBlob(ctx context.Context, t engrestic.BlobType, buf []byte, id engrestic.ID, again bool) (engrestic.ID, bool, int, error) {
	if t == engrestic.DataBlob && !again {
		if id.IsNull() {
			id = dataID(buf)
		}
		if u.stored.has(ID(id)) {
			return id, true, 0, nil
		}
	}
	return u.BlobSaverWithAsync.SaveBlob(ctx, t, buf, id, again)
}

// SaveBlobAsync computes the ID of data beside its caller, as the engine does.
func (u *dataUploader) SaveBlobAsync(ctx context.Context, t engrestic.BlobType, buf []byte, id engrestic.ID, again bool, cb func(newID engrestic.ID, known bool, sizeInRepo int, err error)) {
	if t != engrestic.DataBlob {
		u.BlobSaverWithAsync.SaveBlobAsync(ctx, t, buf, id, again, cb)
		return
	}
	u.group.Go(func() error {
		if err := ctx.Err(); err != nil {
			cb(engrestic.ID{}, false, 0, err)
			return err
		}
		id, known, size, err := u.SaveBlob(ctx, t, buf, id, again)
		cb(id, known, size, err)
		return err
	})
}

// dataID is the ID of data. Sparse files have many chunks of zeros of one length.
func dataID(buf []byte) engrestic.ID {
	if zero := zeroChunk(); len(buf) == len(zero.chunk) && bytes.Equal(buf, zero.chunk) {
		return zero.id
	}
	return engrestic.Hash(buf)
}

// zeros is a chunk of zeros.
type zeros struct {
	chunk []byte
	id    engrestic.ID
}

var zeroChunk = sync.OnceValue(func() zeros {
	chunk := make([]byte, chunker.MinSize)
	return zeros{chunk, engrestic.Hash(chunk)}
})
