package restic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// finder searches the trees of snapshots.
type finder struct {
	ctx  context.Context
	repo *engrepository.Repository
	o    FindOptions
	rep  *reporter
	fn   func(Found) error

	blobs, trees map[string]bool // wanted IDs, whole or short; nil when not searched for
	found        int             // trees found so far
	sn           Snapshot
	unread       []ItemError

	ahead *treeAhead // nil when IDs are searched for
	known map[treePlace][]Found
	kept  int // matches in known
}

// errSnapshotDone ends the search of a snapshot: restic stops once every requested tree
// is found.
var errSnapshotDone = errors.New("all trees were found")

func (f *finder) prepare() error {
	if len(f.o.Blobs) > 0 {
		f.blobs = idSet(f.o.Blobs)
	}
	if len(f.o.Trees) > 0 {
		f.trees = idSet(f.o.Trees)
	}
	if len(f.o.Packs) > 0 {
		return f.contentOf(idSet(f.o.Packs))
	}
	return nil
}

func idSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// has reports whether an ID is wanted, by all of its digits or the first 8.
func has(set map[string]bool, id engrestic.ID) bool { return set[id.String()] || set[ID(id).Short()] }

// contentOf searches for all blobs that the index lists in the given packs.
func (f *finder) contentOf(packs map[string]bool) error {
	f.blobs, f.trees = make(map[string]bool), make(map[string]bool)
	seen := make(map[string]bool)
	err := f.repo.ListBlobs(f.ctx, func(pb engrestic.PackedBlob) {
		if !has(packs, pb.PackID) {
			return
		}
		seen[pb.PackID.String()], seen[ID(pb.PackID).Short()] = true, true
		if pb.Type == engrestic.TreeBlob {
			f.trees[pb.ID.String()] = true
		} else {
			f.blobs[pb.ID.String()] = true
		}
	})
	if err != nil {
		return err
	}
	var missing []string
	for id := range packs {
		if !seen[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("find: no index knows the packs %s", strings.Join(missing, ", "))
	}
	return nil
}

func (f *finder) snapshot(sn *engdata.Snapshot) error {
	f.sn = newSnapshot(sn)
	err := f.wantedTree(*sn.Tree, "/")
	if err == nil {
		err = f.dir(*sn.Tree, "/")
	}
	if errors.Is(err, errSnapshotDone) {
		return nil
	}
	return err
}

func (f *finder) dir(id engrestic.ID, dir string) error {
	if err := tooDeep(id, dir); err != nil {
		return f.skip(dir[:min(len(dir), 100)]+"…", err)
	}
	if f.ahead != nil {
		return f.dirAhead(id, dir)
	}
	nodes, err := engdata.LoadTree(f.ctx, f.repo, id)
	if err != nil {
		return f.skip(dir, err)
	}
	return f.nodes(id, dir, nodes)
}

func (f *finder) nodes(id engrestic.ID, dir string, nodes engdata.TreeNodeIterator) error {
	for item := range soundNodes(nodes) {
		if item.Error != nil {
			return f.skip(dir, item.Error)
		}
		if err := f.node(id, dir, item.Node); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) skip(dir string, err error) error {
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	f.unread = append(f.unread, ItemError{Item: f.sn.ID.Short() + ":" + dir, Err: err})
	f.rep.warn(fmt.Sprintf("the directory %s of snapshot %s cannot be read", dir, f.sn.ID.Short()), err)
	return nil
}

func (f *finder) node(tree engrestic.ID, dir string, node *engdata.Node) error {
	name := strings.TrimSuffix(dir, "/") + "/" + node.Name
	below := true
	if len(f.o.Patterns) > 0 {
		found, child, err := f.o.matches(name, node.ModTime, node.Type == engdata.NodeTypeDir)
		if err != nil {
			return err
		}
		below = child
		if found {
			n := newNode(name, node)
			if err := f.fn(Found{Snapshot: f.sn, Path: name, Node: &n}); err != nil {
				return err
			}
		}
	} else if err := f.objects(tree, name, node); err != nil {
		return err
	}
	if node.Type == engdata.NodeTypeDir && below {
		return f.dir(*node.Subtree, name)
	}
	return nil
}

func (f *finder) objects(tree engrestic.ID, name string, node *engdata.Node) error {
	if node.Type == engdata.NodeTypeDir {
		return f.wantedTree(*node.Subtree, name)
	}
	for _, id := range node.Content {
		if !has(f.blobs, id) {
			continue
		}
		hit := Found{Snapshot: f.sn, Path: name, Blob: BlobHandle{Type: BlobData, ID: ID(id)}, Tree: ID(tree)}
		if err := f.fn(hit); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) wantedTree(id engrestic.ID, name string) error {
	if !has(f.trees, id) {
		return nil
	}
	if err := f.fn(Found{Snapshot: f.sn, Path: name, Blob: BlobHandle{Type: BlobTree, ID: ID(id)}}); err != nil {
		return err
	}
	f.found++
	if f.found >= len(f.trees) && f.blobs == nil {
		return errSnapshotDone
	}
	return nil
}
