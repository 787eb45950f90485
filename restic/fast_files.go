package restic

import (
	"os"
	"path"
	"strings"

	engdata "github.com/restic/restic/rwmlink/data"
	engfs "github.com/restic/restic/rwmlink/fs"

	"github.com/cesnet/rwm/restic/internal/unchanged"
)

// No file can be called so, since no name has a NUL. It sorts before all names.
const (
	markerName   = "\x00rwm:"
	quotedMarker = `\\x00rwm:` // in a tree
)

func isMarker(item string) bool { return strings.HasPrefix(path.Base(item), markerName) }

// fastFiles is the file system that a fastBackup shows.
type fastFiles struct {
	engfs.FS
	f *fastBackup
}

// OpenFile is called by the archiver's own goroutine.
func (fs fastFiles) OpenFile(name string, flag int, metadataOnly bool) (engfs.File, error) {
	fs.f.opened = ""
	if isMarker(name) {
		return markerFile{}, nil
	}
	file, err := fs.FS.OpenFile(name, flag, metadataOnly)
	// Without NOFOLLOW it is a directory above the targets, of which only the
	// metadata is wanted.
	if err != nil || !metadataOnly || flag&engfs.O_NOFOLLOW == 0 {
		return file, err
	}
	return &fastFile{File: file, f: fs.f, name: name}, nil
}

// fastFile is a file that was opened for its metadata.
type fastFile struct {
	engfs.File
	f    *fastBackup
	name string
}

func (file *fastFile) Stat() (*engfs.ExtendedFileInfo, error) {
	fi, err := file.File.Stat()
	if err == nil && fi.Mode.IsDir() {
		file.f.opened = file.name
	}
	return fi, err
}

// MakeReadable comes after the parent's tree was loaded, if there is one: what is
// loaded next is another one's.
func (file *fastFile) MakeReadable() error {
	file.f.opened = ""
	return file.File.MakeReadable()
}

// Readdirnames lists a directory: what is not hidden, and the marker.
func (file *fastFile) Readdirnames(n int) ([]string, error) {
	v := file.f.shown[file.name]
	if v == nil {
		return file.File.Readdirnames(n)
	}
	delete(file.f.shown, file.name)
	return append(v.Names, file.f.mark(v)), nil
}

// markerFile is the file a marker stands for.
type markerFile struct{}

func (markerFile) MakeReadable() error                { return os.ErrInvalid }
func (markerFile) Read([]byte) (int, error)           { return 0, os.ErrInvalid }
func (markerFile) Close() error                       { return nil }
func (markerFile) Readdirnames(int) ([]string, error) { return nil, os.ErrInvalid }

func (markerFile) Stat() (*engfs.ExtendedFileInfo, error) {
	return &engfs.ExtendedFileInfo{Mode: os.ModeNamedPipe}, nil
}

func (markerFile) ToNode(bool, func(format string, args ...any)) (*engdata.Node, error) {
	return &engdata.Node{Type: engdata.NodeTypeFifo}, nil
}

// unchanged counts what the archiver is not told of.
func (p *backupProgress) unchanged(c unchanged.Counts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.FilesDone += uint64(c.Files)
	p.status.BytesDone += c.Bytes
}
