//go:build linux || darwin || freebsd

package fusemount

import (
	"context"
	"sync"

	"github.com/cesnet/rwm/restic"
)

const (
	lookWindow = 4 << 20 // bytes of the following files that are prefetched
	lookFiles  = 4096    // and how many files at most
	lookDirs   = 256     // directories looked into for one window
	lookRun    = 1 << 20
	mostWalks  = 8
)

// lookahead prefetches the files that follow the one being read, in the order in which
// tar, grep -r, diff and cp walk: otherwise every small file would cost a round trip.
type lookahead struct {
	m     *mount
	mu    sync.Mutex
	walks []*walk
	files map[identity]walkPosition // what the walks have planned
}

// walkPosition is a file's position in a walk.
type walkPosition struct {
	walk *walk
	at   int64
}

// walk walks a snapshot from some file on, depth first.
type walk struct {
	stack   []step
	planned int64 // bytes from the walk's start that are being prefetched
	read    int64 // bytes from its start that were read
	busy    bool
	ended   bool
	files   []identity // what is in lookahead.files
}

type step struct {
	tree *tree
	next int
}

// begun records that a file is read from its beginning.
func (l *lookahead) begun(f *file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reads := f.dir.reads.Add(1)
	p, known := l.files[f.id]
	w := p.walk
	switch {
	case known:
		w.read = max(w.read, p.at)
	case reads > 1 || f.first():
		// two files of one directory, or its first: this reader wants more than a
		// single file
		w = l.newWalk(f)
	default:
		return
	}
	if w == nil || w.busy || w.ended || w.planned-w.read > lookWindow/2 {
		return
	}
	w.busy = true
	go l.extend(w)
}

// first reports whether no file comes before f in its directory.
func (f *file) first() bool {
	t := f.dir.tree.Load()
	if t == nil {
		return false
	}
	for i := range min(f.index, len(t.nodes)) {
		if t.nodes[i].Type == restic.NodeFile {
			return false
		}
	}
	return true
}

// newWalk begins after f. The caller holds mu.
func (l *lookahead) newWalk(f *file) *walk {
	w := &walk{}
	index := f.index
	for d := f.dir; d != nil; d = d.parent {
		t := d.tree.Load()
		if t == nil {
			return nil
		}
		w.stack = append([]step{{tree: t, next: index + 1}}, w.stack...)
		index = d.index
	}
	if len(l.walks) == mostWalks {
		l.drop(l.walks[0])
	}
	l.walks = append(l.walks, w)
	return w
}

// drop forgets a walk. The caller holds mu.
func (l *lookahead) drop(w *walk) {
	w.ended = true
	for _, id := range w.files {
		if l.files[id].walk == w {
			delete(l.files, id)
		}
	}
	for i, other := range l.walks {
		if other == w {
			l.walks = append(l.walks[:i:i], l.walks[i+1:]...)
		}
	}
}

// extend prefetches a walk up to the end of its window.
func (l *lookahead) extend(w *walk) {
	var handles []restic.BlobHandle
	type planned struct {
		id identity
		at int64
	}
	var files []planned
	l.mu.Lock()
	at, limit := w.planned, w.read+lookWindow
	l.mu.Unlock()
	dirs := 0
	for len(w.stack) > 0 && at < limit && len(files) < lookFiles && dirs < lookDirs {
		top := &w.stack[len(w.stack)-1]
		if top.next >= len(top.tree.nodes) {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		n := &top.tree.nodes[top.next]
		top.next++
		switch {
		case n.Type == restic.NodeDir && n.Subtree != nil:
			dirs++
			t, err := l.m.loader.tree(context.Background(), *n.Subtree)
			if err != nil {
				continue // a reader of it will get the error
			}
			l.m.aheadOfDir(t)
			w.stack = append(w.stack, step{tree: t})
		case n.Type == restic.NodeFile:
			size := int64(n.Size)
			for i := 0; i < len(n.Content) && (i == 0 || int64(i)<<20 < firstWindow); i++ {
				handles = append(handles, restic.BlobHandle{Type: restic.BlobData, ID: n.Content[i]})
			}
			at += min(size, firstWindow)
			files = append(files, planned{identity(n.Fingerprint), at})
		}
	}
	l.m.loader.prefetch(handles, lookRun, nil)

	l.mu.Lock()
	defer l.mu.Unlock()
	w.busy = false
	if w.ended {
		return
	}
	w.planned = at
	w.ended = len(w.stack) == 0
	if l.files == nil {
		l.files = make(map[identity]walkPosition)
	}
	for _, f := range files {
		l.files[f.id] = walkPosition{w, f.at}
		w.files = append(w.files, f.id)
	}
	if len(w.files) > 4*lookFiles {
		// the oldest were read long ago
		for _, id := range w.files[:2*lookFiles] {
			if l.files[id].walk == w {
				delete(l.files, id)
			}
		}
		w.files = append([]identity(nil), w.files[2*lookFiles:]...)
	}
}
