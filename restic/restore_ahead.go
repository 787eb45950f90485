package restic

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engrestorer "github.com/restic/restic/rwmlink/restorer"
)

// The engine's restorer walks the trees of a snapshot: first for the directories and
// the files that it has to write, then, once these are written, for everything's
// metadata, and to verify a third time. Each walk begins with the root.
const (
	passFiles = 1 + iota
	passMetadata
)

// errChangedMeanwhile is the error of a file that was right when it was compared, and
// was something else a moment later.
var errChangedMeanwhile = errors.New("it was changed by something else while it was being restored; restore it again")

// restoreAhead is the repository as the engine's restorer reads it. Trees are loaded
// ahead of its walks. What the restorer does with one file after the other is done for
// all files of a directory on all processors when it asks for the directory's tree:
// the comparison with existing files (restore_compare.go) and the metadata
// (restore_metadata.go). The tree that it gets says what is left to do. Whatever fails
// here is left to it, so that results and errors are its own.
//
// Besides what the restorer holds, it holds aheadTrees of trees, and the tree being
// worked on twice.
type restoreAhead struct {
	*engrepository.Repository
	ctx     context.Context
	o       *RestoreOptions
	target  string // absolute
	root    engrestic.ID
	selects func(path string, isDir bool) (selected, below bool)
	fail    func(path string, err error) error

	// of the walk, which is one goroutine at a time
	pass   int
	dir    string // the directory that the walk has come to
	trees  *treeAhead
	end    func()
	linked map[engrestorer.HardlinkKey]struct{} // files with several names
	// directories that are passed over: those whose trees cannot be read, in this walk,
	// and those that are links in the target
	unread, passed map[string]bool
	lost           map[string]bool // files with a blob in no index

	mu     sync.Mutex
	failed map[string]struct{} // paths with errors
	// how long blobs are of which indexes disagree
	lengths map[engrestic.BlobHandle]uint
	equal   map[string]struct{} // files found equal that the restorer has not skipped yet
}

func newRestoreAhead(ctx context.Context, repo *engrepository.Repository, root engrestic.ID, o *RestoreOptions) (*restoreAhead, error) {
	target, err := filepath.Abs(o.Target)
	return &restoreAhead{
		Repository: repo, ctx: ctx, o: o, target: target, root: root, end: func() {},
		linked: make(map[engrestorer.HardlinkKey]struct{}),
		unread: make(map[string]bool), passed: make(map[string]bool), lost: make(map[string]bool),
		failed: make(map[string]struct{}), equal: make(map[string]struct{}), lengths: make(map[engrestic.BlobHandle]uint),
	}, err
}

// selectItem is the restorer's filter. The restorer calls it for a directory right
// before it loads its tree.
func (r *restoreAhead) selectItem(path string, isDir bool) (selected, below bool) {
	if !isDir && (r.lost[path] || r.unread[filepath.Dir(path)]) { // it is also asked whether to delete it
		return false, false
	}
	selected, below = r.selects(path, isDir)
	if !isDir {
		return selected, below
	}
	r.dir = path
	if (selected || below) && r.through(path, selected) {
		if !r.passed[path] {
			r.passed[path] = true
			_ = r.error(path, errThroughLink)
		}
		return false, false
	}
	return selected, below
}

// error takes the restorer's errors.
func (r *restoreAhead) error(path string, err error) error {
	r.mu.Lock()
	r.failed[path] = struct{}{}
	r.mu.Unlock()
	return r.fail(path, err)
}

// unchanged is called for the files that the restorer skips.
func (r *restoreAhead) unchanged(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.equal, path)
}

// LoadBlob loads what the restorer asks for.
func (r *restoreAhead) LoadBlob(ctx context.Context, t engrestic.BlobType, id engrestic.ID, buf []byte) ([]byte, error) {
	if t != engrestic.TreeBlob {
		return r.Repository.LoadBlob(ctx, t, id, buf)
	}
	if id == r.root {
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	var e *aheadTree
	err := r.tooLong()
	if err == nil {
		e, err = r.trees.take(ctx, id, r.dir)
	}
	if err == nil {
		err = r.sound(e)
	}
	if err != nil {
		r.unread[r.dir] = true
		return nil, err
	}
	if r.pass == passFiles {
		if err := r.noteLost(e); err != nil {
			return nil, err
		}
	}
	if r.ours(e) {
		if r.pass == passFiles {
			r.noteLinks(e.nodes)
		}
		e = r.included(e)
		switch r.pass {
		case passFiles:
			return r.compared(ctx, e)
		case passMetadata:
			return r.withMetadata(ctx, e)
		}
	}
	return e.raw, nil
}

// begin begins a walk.
func (r *restoreAhead) begin() error {
	r.end()
	r.pass++
	r.dir = string(filepath.Separator)
	for path := range r.equal {
		if err := r.error(path, errChangedMeanwhile); err != nil {
			return err
		}
	}
	clear(r.equal)
	clear(r.unread)
	r.trees, r.end = r.o.walking(r.selects).begin(r.ctx, r.Repository, engrestic.IDs{r.root})
	return nil
}

// walking is how a walk goes through what selects selects.
func (o *RestoreOptions) walking(selects func(path string, isDir bool) (selected, below bool)) walking {
	if o.empty() {
		return walking{}
	}
	// once is for the paths
	return walking{once: true, wants: func(name string, n *engdata.Node) bool {
		_, below := selects(filepath.FromSlash(name), true)
		return below && plainName(n.Name)
	}}
}

// stop ends everything and waits until it has ended.
func (r *restoreAhead) stop() { r.end() }

// ours reports whether the files of a tree can be handled beside the restorer: it
// overwrites whatever is there, and no two entries are the same file.
func (r *restoreAhead) ours(e *aheadTree) bool {
	if e.odd || r.o.plain || runtime.GOOS == "windows" || r.o.Overwrite > OverwriteIfChanged {
		return false
	}
	for i, n := range e.nodes {
		if i > 0 && n.Name <= e.nodes[i-1].Name || n.Type == engdata.NodeTypeDir && n.Subtree == nil {
			return false // the restorer goes no further than that directory
		}
	}
	return true
}

// included leaves out of a tree what the restorer would pass over for its patterns. It
// decodes whatever it is given, which takes seconds for one file among 200,000.
func (r *restoreAhead) included(e *aheadTree) *aheadTree {
	if !r.o.including() || r.o.Delete { // which needs the names of all
		return e
	}
	some := make([]*engdata.Node, 0, 16)
	for _, n := range e.nodes {
		isDir := n.Type == engdata.NodeTypeDir
		selected, below := r.selects(filepath.Join(r.dir, n.Name), isDir)
		if selected || below || !plainName(n.Name) || isDir && n.Subtree == nil { // the last two are errors
			some = append(some, n)
		}
	}
	if len(some) == len(e.nodes) {
		return e
	}
	text, err := appendTree(nil, some)
	if err != nil {
		return e
	}
	return &aheadTree{id: e.id, path: e.path, raw: text, nodes: some}
}

// noteLinks notes the files with several names, which are left to the restorer.
func (r *restoreAhead) noteLinks(nodes []*engdata.Node) {
	for _, n := range nodes {
		if n.Type == engdata.NodeTypeFile && n.Links > 1 {
			r.linked[linkKey(n)] = struct{}{}
		}
	}
}

func linkKey(n *engdata.Node) engrestorer.HardlinkKey {
	return engrestorer.HardlinkKey{Inode: n.Inode, Device: n.DeviceID}
}

// files returns the numbers of the entries that are files with one name and are to be
// restored.
func (r *restoreAhead) files(nodes []*engdata.Node) (list []int) {
	for i, n := range nodes {
		if n.Type != engdata.NodeTypeFile || n.Links > 1 || !plainName(n.Name) {
			continue
		}
		if selected, _ := r.selects(filepath.Join(r.dir, n.Name), false); selected {
			list = append(list, i)
		}
	}
	return list
}

// plainName reports whether a name is one of an entry, and not a path. The restorer
// refuses others.
func plainName(name string) bool {
	return filepath.Base(filepath.Join(string(filepath.Separator), name)) == name && name != string(filepath.Separator)
}

// onAll calls fn for 0 to n-1 on all processors, for several in a row on each. It ends
// early with ctx.
func onAll(ctx context.Context, n, inRow int, fn func(i int)) error {
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			begin := int(next.Add(int64(inRow))) - inRow
			if begin >= n {
				return
			}
			for i := begin; i < min(begin+inRow, n); i++ {
				fn(i)
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+inRow-1)/inRow) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return ctx.Err()
}
