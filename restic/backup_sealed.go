package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
	"github.com/cesnet/rwm/s3versions"
)

// parentTrees reads the trees of a backup's parent. To a sealed host one that is not in
// the cache is refused. That is no damage: without it, the directory has no parent
// here, its files are read again, and what the repository has is not stored again.
type parentTrees struct {
	repo *engrepository.Repository

	mu      sync.Mutex
	refused map[engrestic.ID]bool
}

// emptyTree is how restic writes a directory without entries.
const emptyTree = `{"nodes":[]}` + "\n"

func (p *parentTrees) load(ctx context.Context, id engrestic.ID, buf []byte) ([]byte, error) {
	text, err := p.repo.LoadBlob(ctx, engrestic.TreeBlob, id, buf)
	if !errors.Is(err, ErrSealed) {
		return text, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = map[engrestic.ID]bool{}
	}
	p.refused[id] = true
	return []byte(emptyTree), nil
}

// warn says once what was refused.
func (p *parentTrees) warn(em *emitter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.refused); n > 0 {
		em.Emit(Warning{Text: fmt.Sprintf("this host is sealed, and %s of the parent snapshot %s not in its cache: "+
			"their files were read again; nothing was uploaded twice", plural.Of(n, "directory"), plural.Are(n))})
	}
}

// maxRefused is how many roots a backup asks for that no prune has left for it.
const maxRefused = 10

// readableParent is the newest of some snapshots, the newest first, whose root a sealed
// host may read: with a cold cache that is one of before the last prune, which left its
// trees. Only what has changed since then is read again. If there is none, it is the
// newest of all.
func (s *Session) readableParent(ctx context.Context, repo *engrepository.Repository, list []*engdata.Snapshot, warn func(string)) *engdata.Snapshot {
	b, ok := unwrap[*s3Backend](s.stack)
	if !ok {
		return list[0]
	}
	var left map[string]s3versions.Object
	refused := 0
	for i, sn := range list {
		if sn.Tree == nil {
			continue
		}
		if i > 0 && refused >= maxRefused && !slices.ContainsFunc(repo.LookupBlob(engrestic.TreeBlob, *sn.Tree), func(p engrestic.PackedBlob) bool {
			_, there := left[p.PackID.String()]
			return there
		}) {
			continue
		}
		if _, err := repo.LoadBlob(ctx, engrestic.TreeBlob, *sn.Tree, nil); !errors.Is(err, ErrSealed) {
			if i > 0 && err != nil {
				continue // damaged; the newest one is no worse
			}
			if i > 0 {
				warn(fmt.Sprintf("this host is sealed, and the trees of snapshot %s are not in its cache: files are compared with the older snapshot %s", list[0].ID().Str(), sn.ID().Str()))
			}
			return sn
		}
		if refused++; refused == 1 {
			var err error
			if left, err = b.treeCopies(ctx); err != nil || len(left) == 0 {
				return list[0]
			}
		}
	}
	return list[0]
}

// sealedRepository is the archiver's view of the repository: it reads the parent's
// trees as parentTrees does.
type sealedRepository struct {
	*backupRepository
	trees *parentTrees
}

func (r *sealedRepository) LoadBlob(ctx context.Context, t engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	if t == engrestic.TreeBlob {
		return r.trees.load(ctx, id, buf)
	}
	return r.backupRepository.LoadBlob(ctx, t, id, buf)
}
