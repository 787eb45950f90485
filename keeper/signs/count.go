package signs

import (
	"context"
	"fmt"

	"github.com/cesnet/rwm/restic"
)

// Count counts the files of a tree and their bytes, for snapshots without a summary, as
// older programs make them. It loads every tree once.
func Count(ctx context.Context, src Source, tree restic.ID) (files int, bytes uint64, err error) {
	type sum struct {
		files int
		bytes uint64
	}
	const most = 1 << 40 // trees may be made to stand for any number of files
	known := map[restic.ID]sum{}
	var walk func(id restic.ID, depth int) (sum, error)
	walk = func(id restic.ID, depth int) (total sum, err error) {
		if s, ok := known[id]; ok || id.IsZero() {
			return s, nil
		}
		if depth > maxDepth {
			return total, fmt.Errorf("directories are nested more than %d deep", maxDepth)
		}
		nodes, err := src.Tree(ctx, id)
		if err != nil {
			return total, err
		}
		for i := range nodes {
			if isFile(&nodes[i]) {
				total.files, total.bytes = total.files+1, total.bytes+nodes[i].Size
			}
			below, err := walk(subtree(&nodes[i]), depth+1)
			if err != nil {
				return total, err
			}
			total.files, total.bytes = min(total.files+below.files, most), min(total.bytes+below.bytes, 1<<62)
		}
		known[id] = total
		return total, nil
	}
	s, err := walk(tree, 0)
	return s.files, s.bytes, err
}
