package restic

import (
	"context"
	"fmt"

	"github.com/restic/restic/rwmlink/index"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
)

// ObjectKind is a kind of object in a repository.
type ObjectKind string

// What ListObjects and Cat can be asked for.
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

var fileTypes = map[ObjectKind]restic.FileType{
	ObjectPack:     restic.PackFile,
	ObjectIndex:    restic.IndexFile,
	ObjectSnapshot: restic.SnapshotFile,
	ObjectKey:      restic.KeyFile,
	ObjectLock:     restic.LockFile,
}

// Object is an object of a repository, or a blob in one.
type Object struct {
	Kind ObjectKind
	ID   ID
	Size int64    // in the storage, in bytes
	Blob BlobType // only for ObjectBlob
	Pack ID       // only for ObjectBlob: the pack that holds it
}

// ListObjects calls fn for each object of a kind: packs, index, snapshots, keys, locks or blobs. A blob that is in several
// packs comes several times. An error of fn ends the listing and is returned. No lock is taken to list locks.
func (s *Session) ListObjects(ctx context.Context, kind ObjectKind, fn func(Object) error) error {
	if kind == ObjectBlob {
		return s.read(ctx, false, func(ctx context.Context, repo *repository.Repository) error { return listBlobs(ctx, repo, fn) })
	}
	t, ok := fileTypes[kind]
	if !ok {
		return fmt.Errorf("cannot list %q: packs, index, snapshots, keys, locks or blobs expected", string(kind))
	}
	list := func(ctx context.Context, repo *repository.Repository) error {
		return repo.List(ctx, t, func(id restic.ID, size int64) error {
			return fn(Object{Kind: kind, ID: ID(id), Size: size})
		})
	}
	if kind == ObjectLock {
		return s.unlocked(ctx, list)
	}
	return s.read(ctx, false, list)
}

// unlocked runs fn, which looks at locks, without taking one.
func (s *Session) unlocked(ctx context.Context, fn func(context.Context, *repository.Repository) error) error {
	return s.use(ctx, 1, func(ctx context.Context) error {
		repo, err := s.fresh(ctx, true)
		if err != nil {
			return err
		}
		return fn(ctx, repo)
	})
}

func listBlobs(ctx context.Context, repo *repository.Repository, fn func(Object) error) error {
	return index.ForAllIndexes(ctx, repo, repo, func(id restic.ID, idx *index.Index, err error) error {
		if err != nil {
			return fmt.Errorf("reading index %s: %w", id.Str(), err)
		}
		for pb := range idx.Values() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			blobType := BlobData
			if pb.Type == restic.TreeBlob {
				blobType = BlobTree
			}
			if err := fn(Object{Kind: ObjectBlob, ID: ID(pb.ID), Size: int64(pb.Length), Blob: blobType, Pack: ID(pb.PackID)}); err != nil {
				return err
			}
		}
		return nil
	})
}
