package restic

import (
	"bytes"
	"context"
	"fmt"
	"path"

	engdata "github.com/restic/restic/rwmlink/data"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
	engwalker "github.com/restic/restic/rwmlink/walker"
)

// maxRewritten bounds what a rewrite remembers of the trees it has rewritten.
const maxRewritten = 200_000

// treeRewriter rewrites the trees of snapshots as the engine's walker does, with the
// same result and the same errors. A tree that several snapshots have at one path is
// rewritten once, and trees are loaded and decoded ahead, beside each other.
type treeRewriter struct {
	node    engwalker.NodeRewriteFunc
	keepDir engwalker.NodeKeepEmptyDirectoryFunc // nil keeps every one
	ahead   *treeAhead
	known   map[treePlace]rewritten
}

// rewritten is the outcome for a tree: its new ID, null if nothing is left of it, and
// the files in it.
type rewritten struct {
	id    engrestic.ID
	count uint
	size  uint64
}

// newTreeRewriter begins to load the trees of snapshots. The caller calls end.
func newTreeRewriter(ctx context.Context, repo blobLoader, c compiled, list engdata.Snapshots) (w *treeRewriter, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	w = &treeRewriter{ahead: newTreeAhead(ctx, repo), known: make(map[treePlace]rewritten)}
	w.node, w.keepDir = c.rewriteFilter()
	w.ahead.once, w.ahead.prepare = true, (*aheadTree).forRewrite
	w.ahead.wants = func(name string, n *engdata.Node) bool {
		return w.node(n, name) != nil
	}
	w.ahead.begin(treeIDs(list))
	return w, func() { cancel(); w.ahead.wait() }
}

// forRewrite checks that encoding a tree again loses nothing.
func (e *aheadTree) forRewrite() {
	if e.odd {
		e.nodes = nil
		for item := range e.all() {
			if e.fault = item.Error; e.fault != nil {
				return
			}
			e.nodes = append(e.nodes, item.Node)
		}
	}
	text, err := appendTreeLike(make([]byte, 0, len(e.raw)+64), e.nodes, e.encoded)
	e.fault, e.stable = err, err == nil && bytes.Equal(text, e.raw)
}

// encoded is what a node is encoded to, if that is known from another tree, or nil.
func (e *aheadTree) encoded(i int) []byte {
	if e.last == nil || !e.last.stable || !e.like.spans[i].same {
		return nil
	}
	return e.like.text(i)
}

// text is what a node of a stable tree is encoded to, or nil if it is to be encoded.
func (e *aheadTree) text(i int) []byte {
	if e.like == nil || !e.stable {
		return nil
	}
	return e.like.text(i)
}

// snapshot returns the new tree of a snapshot and its summary.
func (w *treeRewriter) snapshot(ctx context.Context, _ *engrepository.Repository, sn *engdata.Snapshot, saver engrestic.BlobSaver) (engrestic.ID, *engdata.SnapshotSummary, error) {
	out, err := w.tree(ctx, saver, "/", *sn.Tree)
	summary := engdata.SnapshotSummary{}
	if sn.Summary != nil {
		summary = *sn.Summary
	}
	summary.TotalFilesProcessed, summary.TotalBytesProcessed = out.count, out.size
	return out.id, &summary, err
}

func (w *treeRewriter) tree(ctx context.Context, saver engrestic.BlobSaver, dir string, id engrestic.ID) (out rewritten, err error) {
	at := treePlace{id, dir}
	if out, ok := w.known[at]; ok {
		return out, nil
	}
	if err := tooDeep(id, dir); err != nil {
		return out, err
	}
	e, err := w.ahead.take(ctx, id, dir)
	if err == nil {
		err = e.fault
	}
	if err != nil {
		return out, err
	}
	if !e.stable {
		return out, fmt.Errorf("cannot encode tree at %q without losing information", dir)
	}
	if out, err = w.change(ctx, saver, dir, e); err == nil && len(w.known) < maxRewritten {
		w.known[at] = out
	}
	return out, err
}

func (w *treeRewriter) change(ctx context.Context, saver engrestic.BlobSaver, dir string, e *aheadTree) (out rewritten, err error) {
	kept := make([]*engdata.Node, 0, len(e.nodes))
	texts := make([][]byte, 0, len(e.nodes)) // of kept; nil if it changed
	same := true
	for i, n := range e.nodes {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		name, text := path.Join(dir, n.Name), e.text(i)
		if n = w.node(n, name); n != e.nodes[i] {
			text = nil
		}
		if n == nil {
			same = false
			continue
		}
		switch n.Type {
		case engdata.NodeTypeFile:
			out.count++
			out.size += n.Size
		case engdata.NodeTypeDir:
			var id engrestic.ID
			if n.Subtree != nil {
				id = *n.Subtree
			}
			sub, err := w.tree(ctx, saver, name, id)
			if err != nil {
				return out, err
			}
			out.count += sub.count
			out.size += sub.size
			if sub.id != id {
				same, text = false, nil
				changed := *n // other trees have this node, too
				changed.Subtree = &sub.id
				n = &changed
			}
			if sub.id.IsNull() {
				continue
			}
		}
		kept, texts = append(kept, n), append(texts, text)
	}
	out.id = e.id
	if !same {
		if out.id, err = saveTree(ctx, saver, kept, texts); err != nil {
			return out, err
		}
	}
	if len(kept) == 0 && w.keepDir != nil && !w.keepDir(dir) {
		out.id = engrestic.ID{} // after it was saved, as the engine does
	}
	return out, nil
}

func saveTree(ctx context.Context, saver engrestic.BlobSaver, nodes []*engdata.Node, texts [][]byte) (engrestic.ID, error) {
	size := 0
	for _, text := range texts {
		size += len(text) + 1
	}
	text, err := appendTreeLike(make([]byte, 0, size+64), nodes, func(i int) []byte { return texts[i] })
	if err != nil {
		return engrestic.ID{}, err
	}
	id, _, _, err := saver.SaveBlob(ctx, engrestic.TreeBlob, text, engrestic.ID{}, false)
	return id, err
}
