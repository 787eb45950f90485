package unchanged

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"

	engfs "github.com/restic/restic/rwmlink/fs"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// Options tell a Walker what it has to know of the backup. Functions are called
// from several goroutines.
type Options struct {
	// Load returns the text of a tree.
	Load func(ctx context.Context, id engrestic.ID) ([]byte, error)
	// HasData tells whether the repository has a blob of a file.
	HasData func(id engrestic.ID) bool
	// SelectName and Select tell what is backed up, given absolute paths; nil
	// means everything.
	SelectName func(path string) bool
	Select     func(path string, fi *engfs.ExtendedFileInfo) bool
	// DeviceIDForHardlinks is restic's feature of that name.
	DeviceIDForHardlinks bool
	// Seen is told what was found unchanged, if it is not nil.
	Seen func(Counts)

	// HoldBytes bounds the text of the parent's trees kept for the engine, about;
	// 0 means 32 MiB.
	HoldBytes int
	// Ahead is how many changed entries the Walker may be ahead of the engine
	// before the engine is let go on, and AheadBytes how many bytes it has to read
	// for them; 0 means 10,000 and 64 MiB.
	Ahead      int
	AheadBytes int64
}

// A Walker looks at directories ahead of the engine.
type Walker struct {
	opts Options
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
	own  *scratch // of the engine's goroutine

	mu      sync.Mutex
	changed *sync.Cond
	stack   []*Dir // to be scanned, the next one last
	dirs    map[string]*Dir
	held    int // bytes of text
	ahead   int // changed entries that the engine has not been shown
	toRead  int64
	closed  bool
}

// New starts a Walker. Close must be called.
func New(ctx context.Context, opts Options) *Walker {
	if opts.HoldBytes == 0 {
		opts.HoldBytes = 32 << 20
	}
	if opts.Ahead == 0 {
		opts.Ahead = 10_000
	}
	if opts.AheadBytes == 0 {
		opts.AheadBytes = 64 << 20
	}
	w := &Walker{opts: opts, own: newScratch(), dirs: map[string]*Dir{}}
	w.ctx, w.stop = context.WithCancel(ctx)
	w.changed = sync.NewCond(&w.mu)
	// A slow disk wants more than the processors do.
	for range runtime.GOMAXPROCS(0) + 2 {
		w.wg.Go(w.work)
	}
	context.AfterFunc(w.ctx, w.shut)
	return w
}

// Close ends the walk and waits for its end.
func (w *Walker) Close() {
	w.stop()
	w.shut()
	w.wg.Wait()
}

func (w *Walker) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
}

func (w *Walker) work() {
	own := newScratch()
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for !w.closed && (len(w.stack) == 0 || w.busy()) {
			w.changed.Wait()
		}
		if w.closed {
			return
		}
		d := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if d.state == queued { // else the engine was faster
			w.look(d, own)
		}
	}
}

// busy reports whether enough was found to let the engine go on. The caller
// holds the lock.
func (w *Walker) busy() bool {
	return w.held > w.opts.HoldBytes || w.ahead > w.opts.Ahead || w.toRead > w.opts.AheadBytes
}

// look scans a directory. The caller holds the lock, which is released
// meanwhile.
func (w *Walker) look(d *Dir, own *scratch) {
	d.state = scanning
	w.mu.Unlock()
	w.scan(d, own)
	if w.opts.Seen != nil && d.Counts != (Counts{}) {
		w.opts.Seen(d.Counts)
	}
	w.mu.Lock()

	d.state = scanned
	w.held += len(d.raw)
	w.ahead += d.changes
	w.toRead += d.size
	for i := len(d.parts) - 1; i >= 0; i-- {
		if child := d.parts[i].child; child != nil {
			d.pending++
			w.dirs[child.path] = child
			w.stack = append(w.stack, child)
		}
	}
	if d.pending == 0 {
		w.settle(d)
	}
	w.changed.Broadcast()
}

// settle notes that the fate of d and of everything below is known, and does so
// for the directories above for which that was the last one.
func (w *Walker) settle(d *Dir) {
	for {
		d.state = settled
		d.same = !d.moved
		for i := range d.parts {
			if c := d.parts[i].child; c != nil && !c.same {
				d.same = false
				break
			}
		}
		parent := d.parent
		if parent == nil {
			return
		}
		if d.same && !d.exposed {
			parent.Add(d.Counts)
			parent.Dirs++
			w.held -= len(d.raw)
			d.raw, d.parts, d.node = nil, nil, nil
			delete(w.dirs, d.path)
			if w.opts.Seen != nil {
				w.opts.Seen(Counts{Dirs: 1})
			}
		}
		if parent.pending--; parent.pending > 0 {
			return
		}
		d = parent
	}
}

// View returns what the engine is to be shown of a directory, whose recorded
// tree is given, once that is known; nil means everything. It must be called by
// one goroutine.
func (w *Walker) View(path string, tree engrestic.ID) *View {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.dirs[path]
	if d == nil || d.tree != tree {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil
		}
		d = &Dir{path: path, abs: abs, tree: tree}
	}
	if d.state == queued {
		w.look(d, w.own)
	}
	for !w.closed && (d.state < scanned || d.state == scanned && !w.busy()) {
		w.changed.Wait()
	}
	delete(w.dirs, path)
	if w.closed || d.parts == nil && d.moved {
		return nil
	}
	w.ahead -= d.changes
	w.toRead -= d.size
	d.changes, d.size = 0, 0
	v := d.view()
	w.changed.Broadcast()
	return v
}

// Done releases what was kept for a view.
func (w *Walker) Done(v *View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held -= len(v.dir.raw)
	v.dir.raw, v.dir.parts = nil, nil
	w.changed.Broadcast()
}
