package restic

import (
	"context"
	"errors"
	"fmt"

	engindex "github.com/restic/restic/rwmlink/index"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/events"
)

// ObjectKind is a kind of object in a repository.
type ObjectKind string

// Kinds of objects for ListObjects and Cat.
const (
	ObjectPack      ObjectKind = "packs"
	ObjectIndex     ObjectKind = "index"
	ObjectSnapshot  ObjectKind = "snapshots"
	ObjectKey       ObjectKind = "keys"
	ObjectLock      ObjectKind = "locks"
	ObjectBlob      ObjectKind = "blobs"     // data and trees, from the index
	ObjectConfig    ObjectKind = "config"    // Cat only
	ObjectMasterKey ObjectKind = "masterkey" // Cat only
	ObjectTree      ObjectKind = "tree"      // Cat only
)

var fileTypes = map[ObjectKind]engrestic.FileType{
	ObjectPack:     engrestic.PackFile,
	ObjectIndex:    engrestic.IndexFile,
	ObjectSnapshot: engrestic.SnapshotFile,
	ObjectKey:      engrestic.KeyFile,
	ObjectLock:     engrestic.LockFile,
}

// Object is an object of a repository, or a blob in one.
type Object struct {
	Kind ObjectKind
	ID   ID
	Size int64    // in the storage, in bytes
	Blob BlobType // only for ObjectBlob
	Pack ID       // only for ObjectBlob: the pack that holds it
}

// ListObjects calls fn for each object of a kind: packs, index, snapshots, keys, locks
// or blobs. A blob in several packs is listed several times. An error from fn aborts
// the listing and is returned. No lock is taken to list locks.
func (s *Session) ListObjects(ctx context.Context, kind ObjectKind, fn func(Object) error) error {
	if fn == nil {
		return errors.New("list: the function for what is found is nil")
	}
	fn = events.Guarded(fn) // the engine calls it in goroutines of its own
	if kind == ObjectBlob {
		return s.run(ctx, access{}, func(ctx context.Context, repo *engrepository.Repository) error { return listBlobs(ctx, repo, fn) })
	}
	t, ok := fileTypes[kind]
	if !ok {
		return fmt.Errorf("cannot list %q: packs, index, snapshots, keys, locks or blobs expected", string(kind))
	}
	list := func(ctx context.Context, repo *engrepository.Repository) error {
		return repo.List(ctx, t, func(id engrestic.ID, size int64) error {
			return fn(Object{Kind: kind, ID: ID(id), Size: size})
		})
	}
	if kind == ObjectLock {
		return s.run(ctx, access{lock: noLock, object: ownObject}, list)
	}
	return s.run(ctx, access{}, list)
}

func listBlobs(ctx context.Context, repo *engrepository.Repository, fn func(Object) error) error {
	return engindex.ForAllIndexes(ctx, repo, repo, func(id engrestic.ID, idx *engindex.Index, err error) error {
		if err != nil {
			return fmt.Errorf("reading index %s: %w", id.Str(), err)
		}
		for pb := range idx.Values() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			blobType := BlobData
			if pb.Type == engrestic.TreeBlob {
				blobType = BlobTree
			}
			if err := fn(Object{Kind: ObjectBlob, ID: ID(pb.ID), Size: int64(pb.Length), Blob: blobType, Pack: ID(pb.PackID)}); err != nil {
				return err
			}
		}
		return nil
	})
}
