package restic

import (
	"context"
	"path/filepath"

	engdata "github.com/restic/restic/rwmlink/data"
)

// metadataInRow is how many files a processor takes at a time.
const metadataInRow = 8

// withMetadata restores the metadata of the files of a directory and returns its tree
// for the restorer, without them. The restorer keeps the files with anything unusual
// and, in any case, one file: what it restores of a directory decides whether it
// restores the directory's own metadata.
func (r *restoreAhead) withMetadata(ctx context.Context, e *aheadTree) ([]byte, error) {
	if r.o.DryRun || r.o.OwnershipByName {
		return e.raw, nil
	}
	var list []int
	r.mu.Lock()
	for _, i := range r.files(e.nodes) {
		n := e.nodes[i]
		_, failed := r.failed[filepath.Join(r.dir, n.Name)]
		_, linked := r.linked[linkKey(n)]
		if !failed && !linked {
			list = append(list, i)
		}
	}
	r.mu.Unlock()
	if len(list) < 2 {
		return e.raw, nil
	}
	list = list[:len(list)-1]
	done := make([]bool, len(e.nodes))
	dir := filepath.Join(r.target, r.dir)
	err := onAll(ctx, len(list), metadataInRow, func(i int) {
		n := e.nodes[list[i]]
		done[list[i]] = restoreUsual(n, filepath.Join(dir, n.Name))
	})
	if err != nil {
		return nil, err
	}
	left := make([]*engdata.Node, 0, len(e.nodes)-len(list))
	for i, n := range e.nodes {
		switch {
		case !done[i]:
			left = append(left, n)
		case r.o.Delete:
			// The restorer deletes what it finds no entry for, and passes over sockets.
			left = append(left, &engdata.Node{Name: n.Name, Type: engdata.NodeTypeSocket})
		}
	}
	text, err := appendTree(nil, left)
	if err != nil {
		return e.raw, nil // which restores the metadata once more
	}
	return text, nil
}
