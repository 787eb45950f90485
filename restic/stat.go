package restic

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Stat returns the node at a path of a snapshot: an ID, a prefix of one or "latest",
// and optionally a folder in it, which the path is then in. It costs one tree for each
// directory on the way, mostly from the cache. The error wraps ErrNoPath, which is
// fs.ErrNotExist, if there is no such path.
func (s *Session) Stat(ctx context.Context, snapshot, name string) (node Node, err error) {
	if snapshot == "" {
		return node, errors.New("stat: no snapshot given; \"latest\" is the newest one")
	}
	name = path.Join("/", name)
	err = s.inSnapshot(ctx, snapshot, SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
		found, err := findNode(ctx, repo, *sn.Tree, name)
		if err != nil {
			return fmt.Errorf("stat: snapshot %s: %w", sn.ID().Str(), err)
		}
		node = newNode(name, found)
		return nil
	})
	return node, err
}

// Nodes iterates over everything below a path of a snapshot ("/" is all of it) as it is
// read, directories before what is in them. After an error, which comes with an empty
// Node, it ends. The loop must not call operations of this session that need an
// exclusive lock (forget, prune): they would wait for its end.
func (s *Session) Nodes(ctx context.Context, snapshot, below string) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		if snapshot == "" {
			yield(Node{}, errors.New("no snapshot given; \"latest\" is the newest one"))
			return
		}
		err := s.inSnapshot(ctx, snapshot, SnapshotFilter{}, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
			start, err := findNode(ctx, repo, *sn.Tree, path.Join("/", below))
			if err != nil {
				return fmt.Errorf("snapshot %s: %w", sn.ID().Str(), err)
			}
			if start.Type != engdata.NodeTypeDir {
				yield(newNode(path.Join("/", below), start), nil)
				return nil
			}
			return yieldNodes(ctx, repo, *start.Subtree, path.Join("/", below), yield)
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Node{}, err)
		}
	}
}

// errStopped ends a walk whose caller wants no more.
var errStopped = errors.New("stopped")

func yieldNodes(ctx context.Context, repo engrestic.BlobLoader, tree engrestic.ID, dir string, yield func(Node, error) bool) error {
	return eachNode(ctx, repo, tree, dir, func(name string, node *engdata.Node) error {
		if !yield(newNode(name, node), nil) {
			return errStopped
		}
		if node.Type != engdata.NodeTypeDir {
			return nil
		}
		return yieldNodes(ctx, repo, *node.Subtree, name, yield)
	})
}
