package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/restic/chunker"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engdata "github.com/restic/restic/rwmlink/data"
	engfs "github.com/restic/restic/rwmlink/fs"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/internal/events"
)

// FileHeader describes an entry of BackupOptions.Files.
type FileHeader struct {
	// Path is the absolute path in the snapshot, with slashes. Directories on the way
	// to it need no entry of their own.
	Path string
	// Mode is the entry's type and permissions: a regular file, a directory or a
	// symbolic link. The reader of the latter two is ignored and may be nil.
	Mode fs.FileMode
	// ModTime is the time of the last modification; zero means that of the snapshot.
	ModTime time.Time
	// UID and GID are the owner; User and Group their names, which may be empty.
	UID, GID    uint32
	User, Group string
	LinkTarget  string // of a symbolic link
	Xattrs      []Xattr
	// Err says why the sequence could not continue. It ends the backup without a
	// snapshot.
	Err error
}

// makeFromFiles makes a snapshot of the caller's sequence of files.
func (r *backupRun) makeFromFiles(ctx context.Context, repo *backupRepository) error {
	progress := newBackupProgress(r.em, r.Items, r.result)
	defer progress.stop()
	warn := func(format string, args ...interface{}) {
		r.em.Emit(Warning{Text: oneLine(fmt.Errorf(format, args...))})
	}
	byName, err := r.byName(ctx, "", warn)
	if err != nil {
		return err
	}
	w := &fileWriter{run: r, repo: repo, byName: byName, progress: progress, root: newDirEntry("/", r.at), left: map[string]bool{},
		summary: &engarchiver.Summary{BackupStart: r.start}}
	var tree engrestic.ID
	err = repo.WithBlobUploader(ctx, func(ctx context.Context, saver engrestic.BlobSaverWithAsync) error {
		w.saver = saver
		if err := w.all(ctx); err != nil {
			return err
		}
		tree, err = w.saveDir(ctx, w.root, "/")
		return err
	})
	if err != nil {
		return r.failure(ctx, err)
	}
	w.summary.BackupEnd = time.Now()
	r.result.add(w.summary)
	return r.saveFilesSnapshot(ctx, repo, w.paths(), tree)
}

func (r *backupRun) saveFilesSnapshot(ctx context.Context, repo *backupRepository, paths []string, tree engrestic.ID) error {
	sn, err := engdata.NewSnapshot(paths, r.Tags, r.host, r.at)
	if err != nil {
		return r.failure(ctx, err)
	}
	res := r.result
	sn.ProgramVersion, sn.Excludes, sn.Tree = programVersion(), r.Excludes, &tree
	sn.Summary = &engdata.SnapshotSummary{
		BackupStart: res.Start, BackupEnd: res.End, FilesNew: res.FilesNew, DirsNew: res.DirsNew,
		DataBlobs: res.DataBlobs, TreeBlobs: res.TreeBlobs, DataAdded: res.DataAdded, DataAddedPacked: res.DataAddedPacked,
		TotalFilesProcessed: res.FilesProcessed, TotalBytesProcessed: res.BytesProcessed,
	}
	if r.DryRun {
		return nil
	}
	id, err := engdata.SaveSnapshot(ctx, repo, sn)
	if err != nil {
		return r.failure(ctx, err)
	}
	res.SnapshotID = ID(id)
	r.session.view.add(ctx, sn, id)
	return nil
}

// fileWriter stores the files of a sequence and collects the tree of their nodes.
type fileWriter struct {
	run      *backupRun
	repo     *backupRepository
	saver    engrestic.BlobSaverWithAsync
	byName   engarchiver.SelectByNameFunc
	progress *backupProgress
	root     *dirEntry
	left     map[string]bool // directories left out

	mu      sync.Mutex
	summary *engarchiver.Summary
}

// all stores every file. It runs in a goroutine of the engine's, and the sequence is
// the caller's.
func (w *fileWriter) all(ctx context.Context) (err error) {
	defer events.Caught(&err)
	for h, rd := range w.run.Files {
		err := ctx.Err()
		if err == nil {
			err = w.one(ctx, h, rd)
		} else if rd != nil {
			_ = rd.Close()
		}
		if err != nil {
			return err
		}
	}
	if len(w.root.dirs)+len(w.root.files) == 0 && ctx.Err() == nil {
		return fmt.Errorf("%w: the sequence has no files, or all are excluded", ErrNoSource)
	}
	return ctx.Err()
}

func (w *fileWriter) one(ctx context.Context, h FileHeader, rd io.ReadCloser) error {
	closeUnread := func() {
		if rd != nil {
			_ = rd.Close()
		}
	}
	if h.Err != nil {
		closeUnread()
		return events.Own(ctx, h.Err)
	}
	name, err := h.check()
	if err != nil {
		closeUnread()
		return err
	}
	if !w.wanted(name, h) {
		closeUnread()
		return nil
	}
	node := h.node(name, w.run.at)
	if node.Type != engdata.NodeTypeFile {
		closeUnread()
	} else if rd == nil {
		return fmt.Errorf("%s: a file without a reader", name)
	} else if err := w.content(ctx, name, node, rd); err != nil {
		return err
	}
	return w.root.add(strings.Split(strings.Trim(name, "/"), "/"), node, w.run.at)
}

func (h *FileHeader) check() (name string, err error) {
	name = path.Clean(h.Path)
	switch {
	case !path.IsAbs(name):
		return "", fmt.Errorf("the path %q is not absolute: it must begin with a slash", h.Path)
	case name == "/" && !h.Mode.IsDir():
		return "", fmt.Errorf("the path %q is a directory", h.Path)
	case strings.ContainsRune(name, 0):
		return "", fmt.Errorf("the path %q has a NUL in it", h.Path)
	}
	if h.Mode.Type() == fs.ModeSymlink && h.LinkTarget == "" {
		return "", fmt.Errorf("%s: a symbolic link without a LinkTarget cannot be restored", name)
	}
	switch h.Mode.Type() {
	case 0, fs.ModeDir, fs.ModeSymlink:
		return name, nil
	}
	return "", fmt.Errorf("%s: %v is neither a file nor a directory or a symbolic link", name, h.Mode)
}

func (h *FileHeader) node(name string, at time.Time) *engdata.Node {
	if !h.ModTime.IsZero() {
		at = h.ModTime
	}
	node := plainNode(path.Base(name), h.Mode, at)
	node.UID, node.GID, node.User, node.Group, node.LinkTarget = h.UID, h.GID, h.User, h.Group, h.LinkTarget
	for _, x := range h.Xattrs {
		node.ExtendedAttributes = append(node.ExtendedAttributes, engdata.ExtendedAttribute(x))
	}
	return node
}

// wanted reports whether the excludes and the caller's Select leave an entry.
func (w *fileWriter) wanted(name string, h FileHeader) bool {
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if w.left[dir] || !w.byName(dir) {
			return false
		}
	}
	fi := &engfs.ExtendedFileInfo{Name: path.Base(name), Mode: h.Mode, ModTime: h.ModTime}
	if w.byName(name) && (w.run.Select == nil || w.run.Select(name, fileInfo{fi})) {
		return true
	}
	w.left[name] = h.Mode.IsDir()
	return false
}

// content stores what a reader gives and notes its blobs in node.
func (w *fileWriter) content(ctx context.Context, name string, node *engdata.Node, rd io.ReadCloser) error {
	start := time.Now()
	w.progress.startFile(name)
	// Of several files one may well be empty.
	w.run.stream = newStream(ctx, name, rd, true)
	stats, err := w.chunks(ctx, node, w.run.stream.pipe)
	switch own := w.run.stream.failure(); {
	case own == nil || errors.Is(err, own):
	case err == nil: // one like io.ErrUnexpectedEOF, which the chunker takes for the end
		err = own
	default:
		err = fmt.Errorf("%w: %w", own, err)
	}
	if err = errors.Join(err, w.run.stream.finish()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.mu.Lock()
	w.summary.Files.New++
	w.summary.ProcessedBytes += node.Size
	w.summary.ItemStats.Add(stats)
	w.mu.Unlock()
	w.progress.completeItem(name, nil, node, stats, time.Since(start))
	return nil
}

// chunks cuts a stream as the repository does and stores the parts, several at the same
// time.
func (w *fileWriter) chunks(ctx context.Context, node *engdata.Node, rd io.Reader) (stats engarchiver.ItemStats, err error) {
	var (
		mu      sync.Mutex
		failed  error
		pending sync.WaitGroup
		buffers = make(chan []byte, runtime.GOMAXPROCS(0)+1)
	)
	for range cap(buffers) {
		buffers <- nil
	}
	defer pending.Wait() // on an error: nothing may use node any more
	cutter := chunker.New(rd, w.repo.Config().ChunkerPolynomial)
	node.Content = engrestic.IDs{}
	for {
		buf := <-buffers
		chunk, err := cutter.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return stats, err
		}
		mu.Lock()
		at := len(node.Content)
		node.Content = append(node.Content, engrestic.ID{})
		err = failed
		mu.Unlock()
		if err = errors.Join(err, ctx.Err()); err != nil {
			return stats, err
		}
		node.Size += uint64(chunk.Length)
		pending.Add(1)
		w.saver.SaveBlobAsync(ctx, engrestic.DataBlob, chunk.Data, engrestic.ID{}, false, func(id engrestic.ID, known bool, inRepo int, err error) {
			defer pending.Done()
			mu.Lock()
			switch {
			case err != nil:
				failed = err
			case !known:
				stats.DataBlobs++
				stats.DataSize += uint64(len(chunk.Data))
				stats.DataSizeInRepo += uint64(inRepo)
			}
			node.Content[at] = id
			mu.Unlock()
			buffers <- chunk.Data
		})
		w.progress.completeBlob(uint64(chunk.Length))
	}
	pending.Wait()
	return stats, failed
}
