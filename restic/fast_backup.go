package restic

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engdata "github.com/restic/restic/rwmlink/data"
	engfeature "github.com/restic/restic/rwmlink/feature"
	engfs "github.com/restic/restic/rwmlink/fs"
	engrestic "github.com/restic/restic/rwmlink/restic"

	"github.com/cesnet/rwm/restic/internal/unchanged"
)

// fastBackup stands between the archiver and what it reads and writes, and keeps
// from it what did not change since the parent snapshot. As its file system it
// shows only the entries that the walker could not prove to be unchanged, and one
// more, the marker. As its repository it shows only their part of the parent's
// trees. The marker comes back in the tree the archiver makes; by that the right
// tree is known in which the hidden entries belong.
type fastBackup struct {
	*backupRepository
	trees  *parentTrees
	source engfs.FS
	walker *unchanged.Walker

	// Of the archiver's own goroutine, which opens an item before anything else.
	opened string                     // directory it has looked at last
	shown  map[string]*unchanged.View // directories it will list

	mu     sync.Mutex
	views  map[uint64]*unchanged.View // by marker
	made   uint64                     // markers
	hidden unchanged.Counts
	grown  engarchiver.ItemStats // what the trees have more than the archiver knows
}

// aheadOptions bound how far a backup looks ahead of the engine; 0 means the
// walker's own choice. Tests set them.
type aheadOptions struct {
	off            bool
	bytes, entries int
	hidden         func(unchanged.Counts) // is told at the end what the engine was spared
}

// fast reports whether a fastBackup can stand in for the plain one.
func (r *backupRun) fast(parent *engdata.Snapshot) bool {
	// With access times every node is a new one. Items are reported in the
	// archiver's order.
	return unchanged.Supported && parent != nil && r.local() && !r.WithAtime && !r.Items && !r.session.opts.ahead.off
}

// newFastBackup starts looking ahead. stop must be called.
func (r *backupRun) newFastBackup(ctx context.Context, repo *backupRepository, trees *parentTrees, source engfs.FS, byName engarchiver.SelectByNameFunc, byInfo engarchiver.SelectFunc, p *backupProgress) *fastBackup {
	f := &fastBackup{backupRepository: repo, trees: trees, source: source, shown: map[string]*unchanged.View{}, views: map[uint64]*unchanged.View{}}
	var selected func(path string, fi *engfs.ExtendedFileInfo) bool
	if byInfo != nil {
		selected = func(path string, fi *engfs.ExtendedFileInfo) bool { return byInfo(path, fi, source) }
	}
	f.walker = unchanged.New(ctx, unchanged.Options{
		Load: func(ctx context.Context, id engrestic.ID) ([]byte, error) {
			// A refused tree is an error here: an empty one in its place would pass for
			// that of a directory that is empty now.
			return repo.LoadBlob(ctx, engrestic.TreeBlob, id, nil)
		},
		HasData:              repo.hasData,
		SelectName:           byName,
		Select:               selected,
		DeviceIDForHardlinks: engfeature.Flag.Enabled(engfeature.DeviceIDForHardlinks),
		Seen:                 p.unchanged,
		HoldBytes:            r.session.opts.ahead.bytes,
		Ahead:                r.session.opts.ahead.entries,
	})
	return f
}

func (f *fastBackup) stop() { f.walker.Close() }

// serve puts f between an archiver and the world.
func (f *fastBackup) serve(arch *engarchiver.Archiver) {
	arch.Repo, arch.FS = f, fastFiles{f.source, f}
	arch.SelectByName, arch.Select = f.byName(arch.SelectByName), f.byInfo(arch.Select)
}

// byName never leaves out a marker.
func (f *fastBackup) byName(fn engarchiver.SelectByNameFunc) engarchiver.SelectByNameFunc {
	return func(item string) bool { return isMarker(item) || fn(item) }
}

// byInfo has the same answers as fn. What is left out is not listed.
func (f *fastBackup) byInfo(fn engarchiver.SelectFunc) engarchiver.SelectFunc {
	return func(item string, fi *engfs.ExtendedFileInfo, _ engfs.FS) bool {
		if isMarker(item) || fn(item, fi, f.source) {
			return true
		}
		f.opened = ""
		return false
	}
}

// LoadBlob gives the archiver the parent's tree of the directory that it has
// opened just now.
func (f *fastBackup) LoadBlob(ctx context.Context, t engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	dir := f.opened
	f.opened = ""
	if t == engrestic.TreeBlob && dir != "" {
		if v := f.walker.View(dir, id); v != nil {
			f.shown[dir] = v
			return v.Parent, nil
		}
	}
	if t == engrestic.TreeBlob {
		return f.trees.load(ctx, id, buf)
	}
	return f.backupRepository.LoadBlob(ctx, t, id, buf)
}

// WithBlobUploader gives the archiver an uploader that completes trees.
func (f *fastBackup) WithBlobUploader(ctx context.Context, fn func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error) error {
	return f.backupRepository.WithBlobUploader(ctx, func(ctx context.Context, uploader engrestic.BlobSaverWithAsync) error {
		return fn(ctx, &fastUploader{uploader, f})
	})
}

// SaveUnpacked adds to the snapshot's summary what the archiver did not see.
func (f *fastBackup) SaveUnpacked(ctx context.Context, t engrestic.WriteableFileType, buf []byte) (engrestic.ID, error) {
	if t == engrestic.WriteableSnapshotFile {
		var sn engdata.Snapshot
		if err := json.Unmarshal(buf, &sn); err != nil {
			return engrestic.ID{}, fmt.Errorf("snapshot: %w", err)
		}
		f.complete(&sn, nil)
		var err error
		if buf, err = json.Marshal(&sn); err != nil {
			return engrestic.ID{}, fmt.Errorf("snapshot: %w", err)
		}
	}
	return f.backupRepository.SaveUnpacked(ctx, t, buf)
}

// complete adds to a snapshot and to a summary what the archiver did not see.
func (f *fastBackup) complete(sn *engdata.Snapshot, sum *engarchiver.Summary) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sn != nil && sn.Summary != nil {
		s := sn.Summary
		s.FilesUnmodified += f.hidden.Files
		s.DirsUnmodified += f.hidden.Dirs
		s.TotalFilesProcessed += f.hidden.Files
		s.TotalBytesProcessed += f.hidden.Bytes
		s.DataAdded += f.grown.TreeSize
	}
	if sum != nil {
		sum.Files.Unchanged += f.hidden.Files
		sum.Dirs.Unchanged += f.hidden.Dirs
		sum.ProcessedBytes += f.hidden.Bytes
		sum.ItemStats.Add(f.grown)
	}
}

// mark makes a marker for a view.
func (f *fastBackup) mark(v *unchanged.View) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	f.views[f.made] = v
	return markerName + strconv.FormatUint(f.made, 10)
}

// marked returns the view whose marker is the first node of a tree; nil if there
// is none.
func (f *fastBackup) marked(tree []byte) *unchanged.View {
	rest, ok := strings.CutPrefix(string(tree[:min(len(tree), 64)]), `{"nodes":[{"name":"`+quotedMarker)
	if !ok {
		return nil
	}
	digits, _, _ := strings.Cut(rest, `"`)
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.views[n]
	delete(f.views, n)
	return v
}

// fastUploader completes the trees that the archiver stores.
type fastUploader struct {
	engrestic.BlobSaverWithAsync
	f *fastBackup
}

func (u *fastUploader) SaveBlobAsync(ctx context.Context, t engrestic.BlobType, buf []byte, id engrestic.ID, storeDuplicate bool, cb func(newID engrestic.ID, known bool, sizeInRepo int, err error)) {
	var v *unchanged.View
	if t == engrestic.TreeBlob {
		v = u.f.marked(buf)
	}
	if v == nil {
		u.BlobSaverWithAsync.SaveBlobAsync(ctx, t, buf, id, storeDuplicate, cb)
		return
	}
	u.f.count(v.Counts())
	if kept, ok := v.Kept(); ok {
		u.f.walker.Done(v)
		cb(kept, true, 0, nil)
		return
	}
	whole, err := v.Splice(buf)
	u.f.walker.Done(v)
	if err != nil {
		cb(engrestic.ID{}, false, 0, err)
		return
	}
	u.BlobSaverWithAsync.SaveBlobAsync(ctx, t, whole, id, storeDuplicate, func(newID engrestic.ID, known bool, sizeInRepo int, err error) {
		if err == nil && !known {
			u.f.grew(len(whole) - len(buf))
		}
		cb(newID, known, sizeInRepo, err)
	})
}

func (f *fastBackup) count(c unchanged.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hidden.Add(c)
}

// grew notes that a new tree is longer by n than the archiver takes it to be.
func (f *fastBackup) grew(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grown.TreeSize += uint64(n) // may wrap; so does the sum, back again
}
