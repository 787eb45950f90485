package restic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
)

// FS is a snapshot as an fs.FS, for reading. Its files are io.ReaderAt and io.Seeker,
// symbolic links are followed within the snapshot, and the Sys of an fs.FileInfo is a
// *TreeNode. It is safe for concurrent use, and so are ReadAt and Stat of its files.
//
// Names are those of package io/fs: relative to the snapshot's root, or to the folder
// that was asked for, without a slash in front. Errors are *fs.PathError; what does not
// exist is ErrNoPath, which is fs.ErrNotExist.
//
// Directories and data are loaded when they are needed and kept in up to 64 MiB of
// memory. When a file is read sequentially, the next 16 MiB are loaded ahead, with
// requests for many blobs at a time.
type FS struct {
	ctx      context.Context
	end      context.CancelFunc
	s        *Session
	reader   *Reader
	snapshot Snapshot
	folder   string // of the snapshot, "/" for all of it
	root     ID
	rootTime time.Time
	blobs    *blobStore
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadFileFS = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// FS returns a snapshot as a file system: an ID, a prefix of one or "latest", and
// optionally a folder in it, "latest:/home/me". All reads end with ctx.
//
// It holds a Reader, and so the session's shared lock, until it is closed; until then
// an operation of this session that needs an exclusive lock returns ErrReaderOpen.
// Closing the session closes it, too.
func (s *Session) FS(ctx context.Context, snapshot string) (*FS, error) {
	if snapshot == "" {
		return nil, errors.New("no snapshot given; \"latest\" is the newest one")
	}
	f := &FS{s: s}
	err := s.inSnapshot(ctx, snapshot, SnapshotFilter{}, func(_ context.Context, _ *engrepository.Repository, sn *engdata.Snapshot, folder string) error {
		f.snapshot, f.folder, f.root, f.rootTime = newSnapshot(sn), path.Join("/", folder), ID(*sn.Tree), sn.Time
		return nil
	})
	if err != nil {
		return nil, err
	}
	// It knows the blobs of every snapshot that was there when it was made.
	if f.reader, err = s.Reader(ctx); err != nil {
		return nil, err
	}
	f.ctx, f.end = context.WithCancel(ctx)
	f.blobs = newBlobStore(f.ctx, f.reader)
	return f, nil
}

// Snapshot returns the snapshot that is read.
func (f *FS) Snapshot() Snapshot {
	if f == nil {
		return Snapshot{}
	}
	return f.snapshot
}

// Close ends all reading and releases the session. Closing it again does nothing.
func (f *FS) Close() error {
	if f == nil || f.reader == nil {
		return errNilSession
	}
	f.end()
	f.blobs.wait()
	return f.reader.Close()
}

// Open opens a file, or a directory, which is an fs.ReadDirFile.
func (f *FS) Open(name string) (fs.File, error) {
	node, err := f.resolve("open", name, true)
	if err != nil {
		return nil, err
	}
	switch node.Type {
	case NodeDir:
		return &fsDir{fs: f, name: name, node: node}, nil
	case NodeFile:
		file, err := f.openFile(name, node)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return file, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w: it is a %s", fs.ErrInvalid, node.Type)}
}

// Stat describes a path; of a symbolic link, what it points to.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.info("stat", name, true) }

// Lstat describes a path without following a symbolic link at its end.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.info("lstat", name, false) }

func (f *FS) info(op, name string, follow bool) (fs.FileInfo, error) {
	node, err := f.resolve(op, name, follow)
	if err != nil {
		return nil, err
	}
	return nodeInfo{path.Base(name), node}, nil
}

// ReadLink returns the target of a symbolic link, as it was recorded.
func (f *FS) ReadLink(name string) (string, error) {
	node, err := f.resolve("readlink", name, false)
	if err == nil && node.Type != NodeSymlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return node.LinkTarget, nil
}

// ReadDir lists a directory, in the order of names.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	node, err := f.resolve("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if node.Type != NodeDir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDir}
	}
	return f.entries(name, node)
}

// ReadFile reads a whole file.
func (f *FS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	var out bytes.Buffer
	if _, err := out.ReadFrom(file); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var errNotDir = errors.New("not a directory")

func (f *FS) entries(name string, dir *TreeNode) ([]fs.DirEntry, error) {
	nodes, err := f.tree(dir)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries := make([]fs.DirEntry, len(nodes))
	for i := range nodes {
		entries[i] = fs.FileInfoToDirEntry(nodeInfo{nodes[i].Name, &nodes[i]})
	}
	return entries, nil
}

// tree returns the entries of a directory, ordered by name.
func (f *FS) tree(dir *TreeNode) ([]TreeNode, error) {
	if dir.Subtree == nil {
		return nil, fmt.Errorf("%w: the directory has no tree", ErrDamaged)
	}
	return f.blobs.tree(*dir.Subtree)
}

// maxLinks bounds the symbolic links on the way to a path, as Linux does.
const maxLinks = 40

// maxLinkTarget is the longest target of a link that is followed. No system has longer
// ones.
const maxLinkTarget = 64 << 10

// resolve finds the node of a path.
func (f *FS) resolve(op, name string, followLast bool) (*TreeNode, error) {
	fail := func(err error) (*TreeNode, error) { return nil, &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if f == nil || f.reader == nil {
		return fail(errNilSession)
	}
	root := &TreeNode{Name: ".", Type: NodeDir, Mode: fs.ModeDir | 0o755, ModTime: f.rootTime, Subtree: &f.root}
	above := []*TreeNode{root} // the directories down to where we are
	todo := strings.Split(name, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		dir := above[len(above)-1]
		switch {
		case part == "" || part == ".":
			continue
		case part == "..": // from a link; the root's parent is the root
			above = above[:max(1, len(above)-1)]
			continue
		case dir.Type != NodeDir:
			return fail(errNotDir)
		}
		nodes, err := f.tree(dir)
		if err != nil {
			return fail(err)
		}
		i, found := slices.BinarySearchFunc(nodes, part, func(n TreeNode, name string) int { return strings.Compare(n.Name, name) })
		if !found {
			return fail(ErrNoPath)
		}
		node := &nodes[i]
		if node.Type != NodeSymlink || len(todo) == 0 && !followLast {
			above = append(above, node)
			continue
		}
		if links++; links > maxLinks {
			return fail(errors.New("too many symbolic links"))
		}
		target := node.LinkTarget
		if len(target) > maxLinkTarget {
			return fail(fmt.Errorf("the target of a symbolic link has %d bytes", len(target)))
		}
		if path.IsAbs(target) {
			if !pathBelow(f.folder, path.Clean(target)) {
				return fail(ErrNoPath) // it points out of the folder
			}
			target, above = strings.TrimPrefix(path.Clean(target), f.folder), above[:1]
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return above[len(above)-1], nil
}

// nodeInfo is a node as an fs.FileInfo.
type nodeInfo struct {
	name string
	node *TreeNode
}

func (i nodeInfo) Name() string       { return i.name }
func (i nodeInfo) ModTime() time.Time { return i.node.ModTime }
func (i nodeInfo) IsDir() bool        { return i.node.Type == NodeDir }
func (i nodeInfo) Sys() any           { return i.node }
func (i nodeInfo) String() string     { return fs.FormatFileInfo(i) }

// Mode is of the node's type, whatever the recorded mode says: what a caller decides by
// it is done by that.
func (i nodeInfo) Mode() fs.FileMode { return i.node.Mode&^fs.ModeType | i.node.Type.mode() }

func (i nodeInfo) Size() int64 {
	if i.node.Type == NodeSymlink {
		return int64(len(i.node.LinkTarget))
	}
	return int64(i.node.Size)
}
