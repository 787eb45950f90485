package restic

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	engdata "github.com/restic/restic/rwmlink/data"
	engfs "github.com/restic/restic/rwmlink/fs"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// compareAtOnce is how much of a file one processor compares; others take what follows.
const compareAtOnce = 8 << 20

// comparison compares a part of a file: consecutive blobs.
type comparison struct {
	file   *comparedFile
	offset int64
	blobs  engrestic.IDs
}

type comparedFile struct {
	node    *engdata.Node
	path    string // in the file system
	differs atomic.Bool
}

// compared compares the existing files of a directory with those of the snapshot and
// returns its tree for the restorer. In it, the equal ones have no content: the
// restorer then compares nothing more than their sizes, and skips them. Of all others
// it finds out itself what to keep.
func (r *restoreAhead) compared(ctx context.Context, e *aheadTree) ([]byte, error) {
	dir := filepath.Join(r.target, r.dir)
	if !hasEntries(dir) {
		return e.raw, nil
	}
	files := make([]*comparedFile, len(e.nodes))
	var parts []comparison
	for _, i := range r.files(e.nodes) {
		f := &comparedFile{node: e.nodes[i], path: filepath.Join(dir, e.nodes[i].Name)}
		if info, err := os.Lstat(f.path); err != nil || !r.comparable(info, f.node) {
			continue
		}
		if list, ok := r.parts(f); ok {
			files[i] = f
			parts = append(parts, list...)
		}
	}
	buffers := sync.Pool{New: func() any { return new([64 << 10]byte) }}
	err := onAll(ctx, len(parts), 1, func(i int) {
		buf := buffers.Get().(*[64 << 10]byte)
		defer buffers.Put(buf)
		if f := parts[i].file; !f.differs.Load() && !r.equalPart(ctx, parts[i], buf[:]) {
			f.differs.Store(true)
		}
	})
	if err != nil {
		return nil, err
	}
	nodes := make([]*engdata.Node, len(e.nodes))
	var equal []string
	for i, n := range e.nodes {
		if files[i] != nil && !files[i].differs.Load() {
			empty := *n
			empty.Content = engrestic.IDs{}
			n = &empty
			equal = append(equal, filepath.Join(r.dir, n.Name))
		}
		nodes[i] = n
	}
	if len(equal) == 0 {
		return e.raw, nil
	}
	text, err := appendTree(nil, nodes)
	if err != nil {
		return e.raw, nil // which compares once more
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range equal {
		r.equal[path] = struct{}{}
	}
	return text, nil
}

// hasEntries reports whether something is a directory that has entries. Restoring to a
// new place should cost nothing more.
func hasEntries(dir string) bool {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return false
	}
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(1)
	return len(names) > 0
}

// comparable reports whether a file may be equal, and the restorer would read it to
// find out.
func (r *restoreAhead) comparable(info os.FileInfo, n *engdata.Node) bool {
	if !info.Mode().IsRegular() || n.Size == 0 || info.Size() != int64(n.Size) {
		return false
	}
	return r.o.Overwrite != OverwriteIfChanged || !info.ModTime().Equal(n.ModTime)
}

// parts cuts a file. It returns false if a blob is not in the index.
func (r *restoreAhead) parts(f *comparedFile) (list []comparison, ok bool) {
	var offset, begin int64
	first := 0
	for i, id := range f.node.Content {
		size, ok := r.LookupBlobSize(engrestic.DataBlob, id)
		if !ok {
			return nil, false
		}
		if offset > begin && offset+int64(size)-begin > compareAtOnce {
			list = append(list, comparison{f, begin, f.node.Content[first:i]})
			begin, first = offset, i
		}
		offset += int64(size)
	}
	return append(list, comparison{f, begin, f.node.Content[first:]}), len(f.node.Content) > 0
}

// equalPart reports whether a part of a file is what the snapshot has.
func (r *restoreAhead) equalPart(ctx context.Context, p comparison, buf []byte) bool {
	f, err := engfs.OpenFile(p.file.path, engfs.O_RDONLY|engfs.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	offset := p.offset
	sum := sha256.New()
	for _, id := range p.blobs {
		size, ok := r.LookupBlobSize(engrestic.DataBlob, id)
		if !ok || ctx.Err() != nil {
			return false
		}
		sum.Reset()
		n, err := io.CopyBuffer(onlyWriter{sum}, onlyReader{io.NewSectionReader(f, offset, int64(size))}, buf)
		if err != nil || n != int64(size) || engrestic.ID(sum.Sum(nil)) != id {
			return false
		}
		offset += n
	}
	return true
}

// onlyReader and onlyWriter have io.CopyBuffer use its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
