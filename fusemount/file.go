//go:build linux || darwin || freebsd

package fusemount

import (
	"bytes"
	"context"
	"errors"
	"sort"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cesnet/rwm/restic"
)

// file is a regular file.
type file struct {
	entry
	dir   *dir // the directory it was first found in, and its index there
	index int

	mu   sync.Mutex
	ends []uint64 // where each blob ends, once the file was read; nil for a file of one blob
	seq  sequence
}

// Open tells the kernel, once for the whole mount, that files need no open or close, so
// it keeps all pages.
func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, syscall.ENOSYS
}

// Flush tells the kernel not to send it again.
func (f *file) Flush(context.Context, fs.FileHandle) syscall.Errno { return syscall.ENOSYS }

var errSize = errors.New("the blobs of the file are not as long as its recorded size")

// layout determines where the blobs end. The caller holds mu.
func (f *file) layout() error {
	content := f.node.Content
	if f.ends != nil || len(content) == 0 {
		if f.node.Size > 0 && len(content) == 0 {
			return errSize
		}
		return nil
	}
	ends := make([]uint64, len(content))
	var end uint64
	for i, id := range content {
		size, ok := f.m.loader.src.Size(restic.BlobHandle{Type: restic.BlobData, ID: id})
		if !ok {
			f.m.log.Error("file cannot be read", "file", f.path(), "blob", id.String(), "error", errMissing.Error())
			return errMissing
		}
		end += size
		ends[i] = end
	}
	if end < f.node.Size {
		f.m.log.Error("file cannot be read", "file", f.path(), "error", errSize.Error(), "blobs", end, "size", f.node.Size)
		return errSize
	}
	f.ends = ends
	return nil
}

func (f *file) path() string { return f.Path(nil) }

func (f *file) Read(ctx context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if off < 0 || uint64(off) >= f.node.Size {
		return fuse.ReadResultData(nil), 0
	}
	from := uint64(off)
	to := min(from+uint64(len(dest)), f.node.Size)
	f.mu.Lock()
	if err := f.layout(); err != nil {
		f.mu.Unlock()
		return nil, errno(err)
	}
	ends := f.ends
	first := sort.Search(len(ends), func(i int) bool { return ends[i] > from })
	last := first + sort.Search(len(ends)-first, func(i int) bool { return ends[first+i] >= to })
	// prefetching is queued after what is needed now
	r := &reply{loader: f.m.loader, size: int(to - from)}
	for i := first; i <= last; i++ {
		r.blobs = append(r.blobs, f.m.loader.want(restic.BlobHandle{Type: restic.BlobData, ID: f.node.Content[i]}))
	}
	if from == 0 {
		f.m.look.begun(f)
	}
	f.readAhead(first, last, from, to)
	f.mu.Unlock()

	for i, b := range r.blobs {
		if err := f.m.loader.wait(ctx, b); err != nil {
			r.Done()
			return nil, errno(err)
		}
		start, end := uint64(0), ends[first+i]
		if first+i > 0 {
			start = ends[first+i-1]
		}
		if uint64(len(b.Data)) != end-start { // two indexes disagree
			f.m.log.Error("file cannot be read", "file", f.path(), "error", errSize.Error(), "blob", restic.ID(b.Handle.ID).String())
			r.Done()
			return nil, syscall.EIO
		}
		r.parts = append(r.parts, b.Data[max(from, start)-start:min(to, end)-start])
	}
	// a blob that was read to its end is in the kernel's cache
	r.done = to == ends[last]
	return r, 0
}

// reply answers a read with the blobs' own memory, and releases them once the kernel
// has copied it.
type reply struct {
	loader *loader
	blobs  []*blob
	parts  [][]byte
	size   int
	done   bool
}

func (r *reply) Size() int { return r.size }

func (r *reply) Bytes(buf []byte) ([]byte, fuse.Status) {
	if len(r.parts) == 1 {
		return r.parts[0], fuse.OK
	}
	buf = buf[:0]
	for _, p := range r.parts {
		buf = append(buf, p...)
	}
	return buf, fuse.OK
}

// mostParts is how many parts of a reply the kernel takes at once, less those of
// go-fuse. It refuses a reply with more, and the reader would wait for ever.
const mostParts = 1000

// Slices avoids a copy when a reply spans several blobs.
func (r *reply) Slices() ([][]byte, fuse.Status) {
	if len(r.parts) > mostParts { // of blobs that restic would not make
		return [][]byte{bytes.Join(r.parts, nil)}, fuse.OK
	}
	return r.parts, fuse.OK
}

func (r *reply) Done() {
	for i, b := range r.blobs {
		r.loader.release(b, r.done || i < len(r.blobs)-1)
	}
	r.blobs, r.parts = nil, nil
}

// errno is the reader's error number; the error itself was logged where it happened.
func errno(err error) syscall.Errno {
	if errors.Is(err, context.Canceled) {
		return syscall.EINTR
	}
	return syscall.EIO
}

var (
	_ fs.NodeOpener  = (*file)(nil)
	_ fs.NodeFlusher = (*file)(nil)
	_ fs.NodeReader  = (*file)(nil)
)
