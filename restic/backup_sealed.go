package restic

import (
	"context"
	"errors"
	"fmt"
	"sync"

	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
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

// sealedRepository is the archiver's view of the repository: it reads the parent's
// trees as parentTrees does.
type sealedRepository struct {
	*engrepository.Repository
	trees *parentTrees
}

func (r *sealedRepository) LoadBlob(ctx context.Context, t engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	if t == engrestic.TreeBlob {
		return r.trees.load(ctx, id, buf)
	}
	return r.Repository.LoadBlob(ctx, t, id, buf)
}
