package restic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"sort"
	"sync"
)

// fsFile is an open file of an FS.
type fsFile struct {
	fs   *FS
	name string
	node *TreeNode
	ends []int64 // ends[i] is the offset after blob i

	mu     sync.Mutex // guards what follows
	offset int64
	closed bool
}

var (
	_ io.ReaderAt = (*fsFile)(nil)
	_ io.Seeker   = (*fsFile)(nil)
)

func (f *FS) openFile(name string, node *TreeNode) (*fsFile, error) {
	file := &fsFile{fs: f, name: name, node: node, ends: make([]int64, len(node.Content))}
	var end uint64
	for i, id := range node.Content {
		size, ok := f.reader.Size(BlobHandle{BlobData, id})
		if !ok {
			return nil, fmt.Errorf("%w: %v is not in the repository's index", ErrDamaged, BlobHandle{BlobData, id})
		}
		if end += size; end > math.MaxInt64 {
			break
		}
		file.ends[i] = int64(end)
	}
	if end != node.Size || end > math.MaxInt64 {
		return nil, fmt.Errorf("%w: the file has %d bytes, but its blobs have %d", ErrDamaged, node.Size, end)
	}
	return file, nil
}

func (f *fsFile) Stat() (fs.FileInfo, error) { return nodeInfo{path.Base(f.name), f.node}, nil }

func (f *fsFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Read reads from one blob at a time.
func (f *fsFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, f.fail("read", fs.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.readOnce(p, f.offset, true)
	f.offset += int64(n)
	return n, err
}

// readOnce reads what one blob has from an offset on. Sequential reading looks ahead.
func (f *fsFile) readOnce(p []byte, offset int64, sequential bool) (int, error) {
	i := sort.Search(len(f.ends), func(i int) bool { return f.ends[i] > offset })
	if i == len(f.ends) {
		return 0, io.EOF
	}
	data, err := f.fs.blobs.data(f.node.Content, i, sequential)
	if err != nil {
		return 0, f.fail("read", err)
	}
	begin := int64(0)
	if i > 0 {
		begin = f.ends[i-1]
	}
	if int64(len(data)) != f.ends[i]-begin { // the index and the blob disagree
		return 0, f.fail("read", fmt.Errorf("%w: %v has another size than the index says", ErrDamaged, BlobHandle{BlobData, f.node.Content[i]}))
	}
	return copy(p, data[offset-begin:]), nil
}

func (f *fsFile) ReadAt(p []byte, offset int64) (n int, err error) {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	switch {
	case closed:
		return 0, f.fail("read", fs.ErrClosed)
	case offset < 0:
		return 0, f.fail("read", errors.New("negative offset"))
	}
	for n < len(p) && err == nil {
		var m int
		m, err = f.readOnce(p[n:], offset+int64(n), false)
		n += m
	}
	return n, err
}

func (f *fsFile) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += int64(f.node.Size)
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	switch {
	case f.closed:
		return 0, f.fail("seek", fs.ErrClosed)
	case offset < 0:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.offset = offset
	return offset, nil
}

func (f *fsFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	return nil
}

// fsDir is an open directory of an FS.
type fsDir struct {
	fs   *FS
	name string
	node *TreeNode

	mu   sync.Mutex
	rest []fs.DirEntry
	read bool
}

var _ fs.ReadDirFile = (*fsDir)(nil)

func (d *fsDir) Stat() (fs.FileInfo, error) { return nodeInfo{path.Base(d.name), d.node}, nil }

func (d *fsDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: ErrIsDir}
}

func (d *fsDir) Close() error { return nil }

func (d *fsDir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read {
		entries, err := d.fs.entries(d.name, d.node)
		if err != nil {
			return nil, err
		}
		d.rest, d.read = entries, true
	}
	if n > 0 && len(d.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.rest) {
		n = len(d.rest)
	}
	out := d.rest[:n:n]
	d.rest = d.rest[n:]
	return out, nil
}
