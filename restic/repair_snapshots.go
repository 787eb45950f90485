package restic

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engwalker "github.com/restic/restic/rwmlink/walker"
)

// RepairSnapshotsOptions configures the repair of snapshots.
type RepairSnapshotsOptions struct {
	Filter SnapshotFilter
	// Forget removes the originals of repaired snapshots. Otherwise the repaired ones
	// get the tag "repaired".
	Forget bool
	// DryRun changes nothing.
	DryRun bool
	// OnEvent receives Repair, SnapshotReplaced, SnapshotRemoved and Warning events.
	OnEvent func(Event)
}

// Repair is one repair at a path of one or more snapshots. It is also an event.
type Repair struct {
	// Snapshot is the first snapshot it was found in.
	Snapshot ID
	Path     string
	Kind     RepairKind
}

func (Repair) event() {}

// RepairKind is a kind of repair.
type RepairKind string

// Kinds of repairs.
const (
	RepairContent RepairKind = "removed missing content" // of a file: it is shorter now
	RepairSize    RepairKind = "fixed incorrect size"    // of a file
	RepairType    RepairKind = "removed invalid node"    // of no known type
	RepairDir     RepairKind = "replaced with empty directory"
	RepairRoot    RepairKind = "not readable" // the snapshot is removed
)

// RepairSnapshots replaces snapshots that refer to lost data: files lack their missing
// parts, and unreadable directories are empty. Use it only after RepairIndex and
// RepairPacks have salvaged what they can, since what it leaves out cannot come back. A
// snapshot whose root cannot be read is removed.
func (s *Session) RepairSnapshots(ctx context.Context, o RepairSnapshotsOptions) (*RewriteResult, error) {
	r := rewriter{rep: s.reporter(o.OnEvent), res: &RewriteResult{DryRun: o.DryRun}, forget: o.Forget, alone: true, tag: "repaired"}
	defer r.rep.stop()
	m := treeRepairer{r: &r}
	m.tw = engwalker.NewTreeRewriter(engwalker.RewriteOpts{
		RewriteNode:                m.node,
		RewriteFailedTree:          m.failedTree,
		AllowUnstableSerialization: true,
	})
	r.tree = func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, saver engrestic.BlobSaver) (engrestic.ID, *engdata.SnapshotSummary, error) {
		m.ctx, m.repo, m.snapshot = ctx, repo, ID(*sn.ID())
		id, err := m.tw.RewriteTree(ctx, repo, saver, "/", *sn.Tree)
		return id, nil, err
	}
	return r.run(ctx, s, o.Filter)
}

// treeRepairer drops unreadable data from trees.
type treeRepairer struct {
	r        *rewriter
	tw       *engwalker.TreeRewriter
	ctx      context.Context
	repo     *engrepository.Repository
	snapshot ID
}

func (m *treeRepairer) note(path string, kind RepairKind) {
	repair := Repair{Snapshot: m.snapshot, Path: path, Kind: kind}
	m.r.res.Repairs = append(m.r.res.Repairs, repair)
	m.r.rep.emit(repair)
}

func (m *treeRepairer) node(node *engdata.Node, path string) *engdata.Node {
	if node.Type == engdata.NodeTypeIrregular || node.Type == engdata.NodeTypeInvalid {
		m.note(path, RepairType)
		return nil
	}
	if node.Type == engdata.NodeTypeDir && checkDepth(len(path), strings.Count(path, "/")) != nil {
		m.note(path[:min(len(path), 100)]+"…", RepairType)
		return nil
	}
	if node.Type != engdata.NodeTypeFile {
		return node
	}
	content := engrestic.IDs{}
	var size uint64
	for _, id := range node.Content {
		if n, ok := m.repo.LookupBlobSize(engrestic.DataBlob, id); ok {
			content = append(content, id)
			size += uint64(n)
		}
	}
	switch {
	case len(content) != len(node.Content):
		m.note(path, RepairContent)
	case size != node.Size:
		m.note(path, RepairSize)
	}
	node.Content, node.Size = content, size
	return node
}

// failedTree must not mistake an interrupted request for a damaged tree.
func (m *treeRepairer) failedTree(_ engrestic.ID, path string, err error) (engdata.TreeNodeIterator, error) {
	if m.ctx.Err() != nil {
		return nil, m.ctx.Err()
	}
	if !lostForGood(err) {
		return nil, err
	}
	if path == "/" {
		m.note(path, RepairRoot)
		return nil, nil
	}
	m.note(path, RepairDir)
	return slices.Values([]engdata.NodeOrError{}), nil
}

// lostForGood reports whether an error means that data is damaged or missing, rather
// than that the storage is unavailable.
func lostForGood(err error) bool {
	for _, other := range []error{ErrUnreachable, ErrAccessDenied, ErrLockLost, os.ErrPermission, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, other) {
			return false
		}
	}
	var resp minio.ErrorResponse
	return !errors.As(err, &resp) || resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != 0
}
