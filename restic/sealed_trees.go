package restic

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/plural"
)

// leaveTrees lets sealed hosts continue without their caches. A prune moves trees to
// packs that no host has written, so no host has them in its cache, and the seal
// refuses them. leaveTrees copies the packs of trees that the newest snapshots need to
// where the host may read. They hold names and sizes, no file data.
//
// What is in a pack is read from the pack itself (treeExam). An index is no proof: an
// attacker on the host can replace it by one that calls file data trees.
//
// The prune is done by then. A failure here costs a host one full reading of its files,
// so it is a warning. What an earlier prune has left stays only if it passes the same
// examination: an attacker on the host can spoil a tree or a pack, so that this fails.
func (s *Session) leaveTrees(ctx context.Context, keep snapshotList, res *PruneResult, rep *reporter) error {
	b, ok := unwrap[*s3Backend](s.stack)
	if !ok || !b.sealed(ctx) {
		return nil
	}
	packs, key, err := s.treePacks(ctx, newestTrees(keep))
	exam := &treeExam{be: s.stack, key: key, unpack: s.stack.unpack}
	left := 0
	if key != nil { // without it nothing can be examined: not even the repository opens
		var errLeft error
		left, errLeft = b.leaveTrees(ctx, packs, exam.may)
		err = cmp.Or(err, errLeft)
	}
	res.TreePacks = uint(left)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		rep.warn("not all of the newest trees could be left for sealed hosts: their next backup may read all files again, as one without a parent does", err)
	}
	switch {
	case exam.data > 0 && packs == nil:
		rep.warn(fmt.Sprintf("%s of file data had been left for sealed hosts, which a forged index can bring about: the copies are deleted", plural.Of(exam.data, "pack")), nil)
	case exam.data > 0:
		rep.warn(fmt.Sprintf("the index says that %s of file data hold trees, so it may be forged: they were not left for sealed hosts", plural.Of(exam.data, "pack")), nil)
	}
	if exam.odd > 0 {
		rep.warn(fmt.Sprintf("%s of trees were not left for sealed hosts, as they hold something other than trees as restic writes them today: their next backup may read all files again, as one without a parent does", plural.Of(exam.odd, "pack")), nil)
	}
	rep.emit(Message{Level: 1, Text: fmt.Sprintf("left %s of the newest trees where sealed hosts may read them", plural.Of(int(res.TreePacks), "pack"))})
	return nil
}

// newestTrees are the roots of the snapshots that the next backups compare with: the
// newest of each host and its paths, as a backup chooses its parent.
func newestTrees(list snapshotList) engrestic.IDs {
	newest := map[string]*engdata.Snapshot{}
	for _, sn := range list.all {
		group := sn.Hostname + "\x00" + strings.Join(sn.Paths, "\x00")
		if old := newest[group]; old == nil || sn.Time.After(old.Time) {
			newest[group] = sn
		}
	}
	var roots engrestic.IDs
	for _, sn := range newest {
		roots = append(roots, *sn.Tree)
	}
	return roots
}

// treePacks are packs that hold the trees below roots, and nothing but trees: in one
// that an old restic has mixed, a host would get file data. After an error they are
// nil.
func (s *Session) treePacks(ctx context.Context, roots engrestic.IDs) (packs map[string]bool, key *engcrypto.Key, err error) {
	// The prune has dropped the index of the object that it used.
	repo, err := s.fresh(ctx, s.opts.engine(), true)
	if err != nil {
		return nil, nil, err
	}
	if err := repo.LoadIndex(ctx, nil); err != nil {
		return nil, repo.Key(), fmt.Errorf("loading the index: %w", err)
	}
	trees := onlyTrees{}
	if err := findUsedBlobs(ctx, repo, roots, trees, nil); err != nil {
		return nil, repo.Key(), fmt.Errorf("reading the newest trees: %w", err)
	}
	if packs, err = packsOfTrees(ctx, repo, trees); err != nil {
		packs = nil // they may be mixed
	}
	return packs, repo.Key(), err
}

func packsOfTrees(ctx context.Context, repo *engrepository.Repository, trees onlyTrees) (map[string]bool, error) {
	packs := map[string]bool{}
	for id := range trees {
		places := repo.LookupBlob(engrestic.TreeBlob, id)
		chosen := ""
		for _, p := range places {
			if name := p.PackID.String(); packs[name] {
				chosen = name
				break
			} else if chosen == "" || name < chosen {
				chosen = name
			}
		}
		if chosen != "" {
			packs[chosen] = true
		}
	}
	err := repo.ListBlobs(ctx, func(p engrestic.PackedBlob) {
		if p.Type != engrestic.TreeBlob {
			delete(packs, p.PackID.String())
		}
	})
	return packs, err
}

// onlyTrees is a set of blobs that ignores all but trees.
type onlyTrees map[engrestic.ID]struct{}

func (t onlyTrees) Has(h engrestic.BlobHandle) bool {
	_, ok := t[h.ID]
	return ok && h.Type == engrestic.TreeBlob
}

func (t onlyTrees) Insert(h engrestic.BlobHandle) {
	if h.Type == engrestic.TreeBlob {
		t[h.ID] = struct{}{}
	}
}
