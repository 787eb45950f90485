package restic

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engfs "github.com/restic/restic/rwmlink/fs"

	"github.com/cesnet/rwm/internal/events"
)

// fileInfo shows what the engine knows of a file as an fs.FileInfo.
type fileInfo struct{ fi *engfs.ExtendedFileInfo }

func (i fileInfo) Name() string       { return i.fi.Name }
func (i fileInfo) Size() int64        { return i.fi.Size }
func (i fileInfo) Mode() fs.FileMode  { return i.fi.Mode }
func (i fileInfo) ModTime() time.Time { return i.fi.ModTime }
func (i fileInfo) IsDir() bool        { return i.fi.Mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

// ioSource returns the caller's FS as a file system of the engine's.
func (r *backupRun) ioSource(ctx context.Context) (engfs.FS, []string, error) {
	root := path.Join("/", r.FSRoot)
	err := events.Try(func() error {
		_, err := fs.Stat(r.FS, ".")
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("backup: %w: %w", ErrNoSource, err)
	}
	return &ioFS{ctx: ctx, from: r.FS, root: root, at: r.at}, []string{root}, nil
}

// ioFS is an fs.FS below a directory of its own. Paths are absolute, with slashes. What
// the caller's code panics with is an error of the file.
type ioFS struct {
	ctx  context.Context // of the backup: nothing is read once it has ended
	from fs.FS
	root string
	at   time.Time // of the directories above root
}

var _ engfs.FS = (*ioFS)(nil)

func (f *ioFS) VolumeName(string) string     { return "" }
func (f *ioFS) Join(elem ...string) string   { return path.Join(elem...) }
func (f *ioFS) Separator() string            { return "/" }
func (f *ioFS) IsAbs(string) bool            { return true }
func (f *ioFS) Abs(p string) (string, error) { return path.Join("/", p), nil }
func (f *ioFS) Clean(p string) string        { return path.Clean(p) }
func (f *ioFS) Base(p string) string         { return path.Base(p) }
func (f *ioFS) Dir(p string) string          { return path.Dir(p) }

// inner returns a path's name in the fs.FS; false for a directory above root, of which
// the next element towards root is returned.
func (f *ioFS) inner(p string) (name string, ok bool) {
	p = path.Join("/", p)
	if p == f.root || f.root == "/" {
		return cmpOr(strings.TrimPrefix(strings.TrimPrefix(p, f.root), "/"), "."), true
	}
	if rest, below := strings.CutPrefix(p, f.root+"/"); below {
		return rest, true
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f.root, p), "/"), "/")
	return next, false
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (f *ioFS) Lstat(p string) (fi *engfs.ExtendedFileInfo, err error) {
	defer events.Caught(&err)
	name, ok := f.inner(p)
	if !ok {
		if !pathBelow(p, f.root) {
			return nil, &fs.PathError{Op: "lstat", Path: p, Err: fs.ErrNotExist}
		}
		return f.parentDir(p), nil
	}
	info, err := fs.Lstat(f.from, name)
	if err != nil {
		return nil, err
	}
	return extended(path.Base(path.Join("/", p)), info), nil
}

func (f *ioFS) parentDir(p string) *engfs.ExtendedFileInfo {
	return &engfs.ExtendedFileInfo{Name: path.Base(p), Mode: fs.ModeDir | 0o755, ModTime: f.at, AccessTime: f.at, ChangeTime: f.at}
}

func extended(name string, info fs.FileInfo) *engfs.ExtendedFileInfo {
	at := info.ModTime()
	return &engfs.ExtendedFileInfo{Name: name, Mode: info.Mode(), Size: info.Size(), Links: 1, ModTime: at, AccessTime: at, ChangeTime: at}
}

func (f *ioFS) OpenFile(p string, _ int, metadataOnly bool) (engfs.File, error) {
	fi, err := f.Lstat(p)
	if err != nil {
		return nil, err
	}
	file := &ioFile{fs: f, path: path.Join("/", p), fi: fi}
	if metadataOnly {
		return file, nil
	}
	return file, file.MakeReadable()
}

// ioFile is a file or directory of an ioFS, opened when it is read.
type ioFile struct {
	fs   *ioFS
	path string
	fi   *engfs.ExtendedFileInfo
	file fs.File
}

func (f *ioFile) MakeReadable() (err error) {
	defer events.Caught(&err)
	name, ok := f.fs.inner(f.path)
	if !ok || f.fi.Mode.IsDir() || f.file != nil {
		return nil
	}
	file, err := f.fs.from.Open(name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	f.file, f.fi = file, extended(f.fi.Name, info)
	return nil
}

func (f *ioFile) Read(p []byte) (int, error) {
	if f.file == nil {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrInvalid}
	}
	if err := f.fs.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := checkedRead(f.file, p)
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: "read", Path: f.path, Err: err}
	}
	return n, err
}

func (f *ioFile) Close() (err error) {
	defer events.Caught(&err)
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

func (f *ioFile) Readdirnames(int) (names []string, err error) {
	defer events.Caught(&err)
	name, ok := f.fs.inner(f.path)
	if !ok {
		return []string{name}, nil
	}
	entries, err := fs.ReadDir(f.fs.from, name)
	if err != nil {
		return nil, err
	}
	names = make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

func (f *ioFile) Stat() (*engfs.ExtendedFileInfo, error) { return f.fi, nil }

func (f *ioFile) ToNode(bool, func(string, ...any)) (node *engdata.Node, err error) {
	defer events.Caught(&err)
	node = plainNode(f.fi.Name, f.fi.Mode, f.fi.ModTime)
	if node.Type == engdata.NodeTypeFile {
		node.Size, node.Links = uint64(f.fi.Size), 1
	}
	switch node.Type {
	case engdata.NodeTypeSymlink:
	case engdata.NodeTypeIrregular: // a device, say: an fs.FS does not tell its number
		return node, fmt.Errorf("%s: a %v cannot be backed up from an FS", f.path, f.fi.Mode.Type())
	default:
		return node, nil
	}
	name, _ := f.fs.inner(f.path)
	target, err := fs.ReadLink(f.fs.from, name)
	node.LinkTarget, node.Links = target, 1
	return node, err
}

// plainNode is a node of this process's user, as one of a stream is.
func plainNode(name string, mode fs.FileMode, at time.Time) *engdata.Node {
	const kept = fs.ModePerm | fs.ModeType | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	node := &engdata.Node{
		Name: name, Mode: mode & kept, ModTime: at, AccessTime: at, ChangeTime: at,
		UID: uint32(max(0, os.Getuid())), GID: uint32(max(0, os.Getgid())), // -1 on Windows
	}
	switch mode.Type() {
	case 0:
		node.Type = engdata.NodeTypeFile
	case fs.ModeDir:
		node.Type = engdata.NodeTypeDir
	case fs.ModeSymlink:
		node.Type = engdata.NodeTypeSymlink
	case fs.ModeNamedPipe:
		node.Type = engdata.NodeTypeFifo
	case fs.ModeSocket:
		node.Type = engdata.NodeTypeSocket
	default:
		node.Type = engdata.NodeTypeIrregular
	}
	return node
}
