package keeper

import (
	"context"
	"math/rand/v2"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
)

// How many files and directories a snapshot may have, and how deep, to be restored
// whole.
const (
	mostEntries = 1 << 20
	mostDepth   = 1000
)

// small picks a snapshot of at most so many bytes, or none. Its summary is the host's
// claim, and a few blobs and trees can stand for any number of files: what does not keep
// within that would fill the keeper's disk.
func small(ctx context.Context, src signs.Source, size sizeOf, snapshots []restic.Snapshot, most uint64, rng *rand.Rand) (*restic.Snapshot, error) {
	const tried = 10
	left := tried
	for _, i := range rng.Perm(len(snapshots)) {
		sn := &snapshots[i]
		if sn.Summary == nil || sn.Summary.TotalBytesProcessed > most {
			continue
		}
		m := measure{src: src, size: size, known: map[restic.ID]extent{}, most: extent{mostEntries, most}}
		total, err := m.tree(ctx, sn.Tree, 0)
		if err != nil {
			return nil, err
		}
		if !total.beyond(m.most) {
			return sn, nil
		}
		if left--; left == 0 {
			break
		}
	}
	return nil, nil
}

type sizeOf func(restic.BlobHandle) (uint64, bool)

// extent is what restoring a tree makes.
type extent struct{ entries, bytes uint64 }

func (e extent) beyond(most extent) bool { return e.entries > most.entries || e.bytes > most.bytes }

// measure measures trees, each once, until they are too large.
type measure struct {
	src   signs.Source
	size  sizeOf
	known map[restic.ID]extent
	most  extent
}

func (m *measure) tree(ctx context.Context, id restic.ID, depth int) (total extent, err error) {
	if e, ok := m.known[id]; ok {
		return e, nil
	}
	if depth > mostDepth {
		return extent{entries: m.most.entries + 1}, nil
	}
	nodes, err := m.src.Tree(ctx, id)
	if err != nil {
		return total, err
	}
	for i := range nodes {
		n := &nodes[i]
		var below extent
		if n.Subtree != nil && n.Type == restic.NodeDir {
			if below, err = m.tree(ctx, *n.Subtree, depth+1); err != nil {
				return total, err
			}
		}
		total.entries += 1 + below.entries
		total.bytes += max(below.bytes, m.file(n))
		if total.beyond(m.most) {
			return total, nil
		}
	}
	m.known[id] = total
	return total, nil
}

// file is how much a file takes, by what it says and by what its parts have.
func (m *measure) file(n *restic.TreeNode) (bytes uint64) {
	if n.Type != restic.NodeFile {
		return 0
	}
	for _, id := range n.Content {
		size, _ := m.size(restic.BlobHandle{Type: restic.BlobData, ID: id})
		if bytes += size; bytes > m.most.bytes {
			break
		}
	}
	return max(bytes, min(n.Size, 1<<62))
}
