package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engdump "github.com/restic/restic/rwmlink/dump"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/events"
)

// ErrIsDir: the path is a directory, but a file is needed.
var ErrIsDir = errors.New("it is a directory")

// ArchiveFormat is the format directories are dumped in.
type ArchiveFormat int

// The formats of archives.
const (
	ArchiveTar ArchiveFormat = iota
	ArchiveZip
)

// ParseArchiveFormat reads tar or zip.
func ParseArchiveFormat(s string) (ArchiveFormat, error) {
	switch s {
	case "tar":
		return ArchiveTar, nil
	case "zip":
		return ArchiveZip, nil
	}
	return 0, fmt.Errorf("unknown archive format %q: tar or zip expected", s)
}

// String returns the name that ParseArchiveFormat reads.
func (f ArchiveFormat) String() string {
	if f == ArchiveZip {
		return "zip"
	}
	return "tar"
}

// DumpOptions configures a dump.
type DumpOptions struct {
	// Snapshot is an ID, a prefix of one or "latest", and optionally a folder in it:
	// "latest:/home/me".
	Snapshot string
	// Filter narrows down which snapshot is the latest.
	Filter SnapshotFilter
	// Path is the file or directory in the snapshot or its folder; "/" is all of it.
	Path string
	// Archive is the format for a directory. A file is written as it is.
	Archive ArchiveFormat
	// FileOnly refuses directories with ErrIsDir before anything is written.
	FileOnly bool
}

// Dump writes a file, or a directory as an archive, to w, streaming. After an error,
// the output is incomplete.
func (s *Session) Dump(ctx context.Context, o DumpOptions, w io.Writer) error {
	switch {
	case o.Snapshot == "":
		return errors.New("dump: no snapshot given; \"latest\" is the newest one")
	case o.Path == "":
		return errors.New("dump: no path given; \"/\" is all of the snapshot")
	case w == nil:
		return errors.New("dump: the writer is nil")
	case o.Archive != ArchiveTar && o.Archive != ArchiveZip:
		return fmt.Errorf("dump: unknown archive format %d", int(o.Archive))
	}
	w = checkedWriter{w}
	return s.inSnapshot(ctx, o.Snapshot, o.Filter, func(ctx context.Context, repo *engrepository.Repository, sn *engdata.Snapshot, _ string) error {
		name := path.Join("/", o.Path)
		node, err := findNode(ctx, repo, *sn.Tree, name)
		if err != nil {
			return fmt.Errorf("dump: snapshot %s: %w", sn.ID().Str(), err)
		}
		switch {
		case node.Type == engdata.NodeTypeFile:
			err = s.dumpAhead(ctx, repo, func(a *dumpAhead) { a.planFile(node.Content) }, func(l blobLoader) error {
				return engdump.New(o.Archive.String(), l, w).WriteNode(ctx, node)
			})
		case node.Type != engdata.NodeTypeDir:
			err = fmt.Errorf("it is a %s, neither a file nor a directory", node.Type)
		case o.FileOnly:
			err = ErrIsDir
		default:
			err = s.dumpAhead(ctx, repo, func(a *dumpAhead) { a.planTree(*node.Subtree) }, func(l blobLoader) error {
				return dumpTree(ctx, l, engdump.New(o.Archive.String(), l, w), *node.Subtree, name)
			})
		}
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("dumping %s of snapshot %s: %w", name, sn.ID().Str(), err)
		}
		return err
	})
}

// checkedWriter is the caller's writer in a goroutine of the engine's.
type checkedWriter struct{ w io.Writer }

func (c checkedWriter) Write(p []byte) (n int, err error) {
	defer events.Caught(&err)
	return c.w.Write(p)
}

func dumpTree(ctx context.Context, repo engrestic.BlobLoader, d *engdump.Dumper, id engrestic.ID, name string) error {
	nodes, err := engdata.LoadTree(ctx, repo, id)
	if err != nil {
		return err
	}
	return d.DumpTree(ctx, soundNodes(nodes), name)
}

// soundNodes passes nodes on. A directory without a tree is an error, since the engine
// would panic on it.
func soundNodes(nodes engdata.TreeNodeIterator) engdata.TreeNodeIterator {
	return func(yield func(engdata.NodeOrError) bool) {
		for item := range nodes {
			if item.Error == nil && item.Node.Type == engdata.NodeTypeDir && item.Node.Subtree == nil {
				yield(engdata.NodeOrError{Error: fmt.Errorf("%w: the directory %s has no tree", ErrDamaged, item.Node.Name)})
				return
			}
			if !yield(item) {
				return
			}
		}
	}
}

// findNode returns the node at an absolute path below a tree. The one at "/" is made
// up. Of several with one name, which no backup makes, it is the first, as in restic.
func findNode(ctx context.Context, repo engrestic.BlobLoader, root engrestic.ID, name string) (*engdata.Node, error) {
	node := &engdata.Node{Type: engdata.NodeTypeDir, Subtree: &root}
	at := "/"
	for _, part := range strings.Split(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		if node.Type != engdata.NodeTypeDir {
			return nil, fmt.Errorf("%s is a %s, not a directory", at, node.Type)
		}
		var next *engdata.Node
		err := eachNode(ctx, repo, *node.Subtree, at, func(_ string, n *engdata.Node) error {
			if n.Name == part && next == nil {
				next = n
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		at = path.Join(at, part)
		if next == nil {
			return nil, fmt.Errorf("%s: %w", at, ErrNoPath)
		}
		node = next
	}
	return node, nil
}
