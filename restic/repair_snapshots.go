package restic

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/restic/restic/rwmlink/data"
	"github.com/restic/restic/rwmlink/repository"
	"github.com/restic/restic/rwmlink/restic"
	"github.com/restic/restic/rwmlink/walker"
)

// RepairSnapshotsOptions says which snapshots to repair and how.
type RepairSnapshotsOptions struct {
	Filter SnapshotFilter
	// Forget removes the originals of repaired snapshots. Otherwise the repaired ones get the tag "repaired".
	Forget bool
	// DryRun changes nothing.
	DryRun bool
	// OnEvent receives Repair, SnapshotReplaced, SnapshotRemoved and Warning events.
	OnEvent func(Event)
}

// Repair is what was put right at a path of one snapshot or more. It is an event, too.
type Repair struct {
	// Snapshot is the first one in which it was met.
	Snapshot ID
	Path     string
	Kind     RepairKind
}

func (Repair) event() {}

// RepairKind says what was put right.
type RepairKind string

// What RepairSnapshots puts right.
const (
	RepairContent RepairKind = "removed missing content" // of a file: it is shorter now
	RepairSize    RepairKind = "fixed incorrect size"    // of a file
	RepairType    RepairKind = "removed invalid node"    // of no known type
	RepairDir     RepairKind = "replaced with empty directory"
	RepairRoot    RepairKind = "not readable" // the snapshot is removed
)

// RepairSnapshots makes new snapshots of those that refer to data which is lost: files lack what is missing of them,
// directories that cannot be read are empty. It is to be used only after RepairIndex and RepairPacks have saved what
// could be saved, since what it leaves out cannot come back. A snapshot whose root cannot be read is removed.
func (s *Session) RepairSnapshots(ctx context.Context, o RepairSnapshotsOptions) (*RewriteResult, error) {
	r := rewriter{rep: s.reporter(o.OnEvent), res: &RewriteResult{DryRun: o.DryRun}, forget: o.Forget, alone: true, tag: "repaired"}
	defer r.rep.stop()
	m := mender{r: &r}
	m.tw = walker.NewTreeRewriter(walker.RewriteOpts{
		RewriteNode:                m.node,
		RewriteFailedTree:          m.failedTree,
		AllowUnstableSerialization: true,
	})
	r.tree = func(ctx context.Context, repo *repository.Repository, sn *data.Snapshot, saver restic.BlobSaver) (restic.ID, *data.SnapshotSummary, error) {
		m.ctx, m.repo, m.snapshot = ctx, repo, ID(*sn.ID())
		id, err := m.tw.RewriteTree(ctx, repo, saver, "/", *sn.Tree)
		return id, nil, err
	}
	return r.run(ctx, s, o.Filter)
}

// mender takes out of trees what cannot be had.
type mender struct {
	r        *rewriter
	tw       *walker.TreeRewriter
	ctx      context.Context
	repo     *repository.Repository
	snapshot ID
}

func (m *mender) note(path string, kind RepairKind) {
	repair := Repair{Snapshot: m.snapshot, Path: path, Kind: kind}
	m.r.res.Repairs = append(m.r.res.Repairs, repair)
	m.r.rep.emit(repair)
}

func (m *mender) node(node *data.Node, path string) *data.Node {
	if node.Type == data.NodeTypeIrregular || node.Type == data.NodeTypeInvalid {
		m.note(path, RepairType)
		return nil
	}
	if node.Type != data.NodeTypeFile {
		return node
	}
	content := restic.IDs{}
	var size uint64
	for _, id := range node.Content {
		if n, ok := m.repo.LookupBlobSize(restic.DataBlob, id); ok {
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

// failedTree must not take an interrupted request for a damaged tree.
func (m *mender) failedTree(_ restic.ID, path string, err error) (data.TreeNodeIterator, error) {
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
	return slices.Values([]data.NodeOrError{}), nil
}

// lostForGood reports whether an error means that data is damaged or missing, and not that the storage could not be asked.
func lostForGood(err error) bool {
	for _, other := range []error{ErrUnreachable, ErrAccessDenied, ErrLockLost, os.ErrPermission, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, other) {
			return false
		}
	}
	var resp minio.ErrorResponse
	return !errors.As(err, &resp) || resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != 0
}
