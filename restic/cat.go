package restic

import (
	"context"
	"encoding/json"
	"fmt"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Cat returns the plain content of an object: JSON of the config, a snapshot, an index,
// a key, a lock or the master key, the bytes of a pack (as stored), a blob or a tree.
//
// name is the whole ID; for snapshots and trees, also what FindSnapshot takes (a tree
// is named by snapshot and folder, "latest:/home"). It is not used for the config and
// the master key. A pack whose content is not what its name says is returned together
// with an error that wraps ErrDamaged.
//
// Anyone who has the master key can read the repository, even after passwords change.
func (s *Session) Cat(ctx context.Context, kind ObjectKind, name string) ([]byte, error) {
	var id engrestic.ID
	switch kind {
	case ObjectConfig, ObjectMasterKey, ObjectSnapshot, ObjectTree:
	case ObjectIndex, ObjectKey, ObjectLock, ObjectPack, ObjectBlob:
		parsed, err := ParseID(name)
		if err != nil {
			return nil, err
		}
		id = engrestic.ID(parsed)
	default:
		return nil, fmt.Errorf("cannot show %q: config, masterkey, snapshots, index, keys, locks, packs, blobs or tree expected", string(kind))
	}
	var out []byte
	if kind == ObjectTree {
		err := s.inSnapshot(ctx, name, SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) (err error) {
			out, err = repo.LoadBlob(ctx, engrestic.TreeBlob, *sn.Tree, nil)
			return err
		})
		return out, err
	}
	a := access{index: kind == ObjectBlob}
	if kind == ObjectLock {
		a = access{lock: noLock, object: ownObject}
	}
	err := s.run(ctx, a, func(ctx context.Context, repo *engrepository.Repository) (err error) {
		switch kind {
		case ObjectConfig:
			out, err = indented(repo.Config())
		case ObjectMasterKey:
			out, err = indented(repo.Key())
		case ObjectIndex:
			out, err = repo.LoadUnpacked(ctx, engrestic.IndexFile, id)
		case ObjectKey:
			key, keyErr := engrepository.LoadKey(ctx, repo, id)
			out, err = indentedIf(key, keyErr)
		case ObjectLock:
			lock, lockErr := engrestic.LoadLock(ctx, repo, id)
			out, err = indentedIf(lock, lockErr)
		case ObjectSnapshot:
			sn, _, findErr := s.view.find(ctx, repo, name, SnapshotFilter{})
			out, err = indentedIf(sn, findErr)
		case ObjectPack:
			out, err = catPack(ctx, repo, id)
		case ObjectBlob:
			out, err = catBlob(ctx, repo, id)
		}
		return err
	})
	if err != nil {
		return out, fmt.Errorf("showing %s %s: %w", kind, name, err)
	}
	return out, nil
}

func catPack(ctx context.Context, repo *engrepository.Repository, id engrestic.ID) ([]byte, error) {
	raw, err := repo.LoadRaw(ctx, engrestic.PackFile, id)
	if raw != nil && err != nil && engrestic.Hash(raw) != id {
		return raw, fmt.Errorf("%w: the content of the pack has the hash %v: %w", ErrDamaged, engrestic.Hash(raw), err)
	}
	return raw, err
}

func catBlob(ctx context.Context, repo *engrepository.Repository, id engrestic.ID) ([]byte, error) {
	for _, t := range []engrestic.BlobType{engrestic.DataBlob, engrestic.TreeBlob} {
		if _, ok := repo.LookupBlobSize(t, id); ok {
			return repo.LoadBlob(ctx, t, id, nil)
		}
	}
	return nil, fmt.Errorf("the blob is in no index")
}

func indented(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }

func indentedIf(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return indented(v)
}
