package restic

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// dirEntry is a directory of a sequence of files.
type dirEntry struct {
	node   *engdata.Node
	listed bool // the sequence has an entry for it
	dirs   map[string]*dirEntry
	files  map[string]*engdata.Node
}

func newDirEntry(name string, at time.Time) *dirEntry {
	return &dirEntry{node: plainNode(path.Base(name), fs.ModeDir|0o755, at), dirs: map[string]*dirEntry{}, files: map[string]*engdata.Node{}}
}

// add puts a node at the path that is given in its elements.
func (d *dirEntry) add(elements []string, node *engdata.Node, at time.Time) error {
	for i, name := range elements[:len(elements)-1] {
		if d.files[name] != nil {
			return fmt.Errorf("/%s is a file and a directory", path.Join(elements[:i+1]...))
		}
		if d.dirs[name] == nil {
			d.dirs[name] = newDirEntry(name, at)
		}
		d = d.dirs[name]
	}
	name := elements[len(elements)-1]
	if node.Type == engdata.NodeTypeDir && name == "" { // of the root only the metadata would be there, and nothing shows it
		return nil
	}
	known := d.dirs[name]
	switch {
	case d.files[name] != nil, known != nil && (known.listed || node.Type != engdata.NodeTypeDir):
		return fmt.Errorf("/%s appears twice", path.Join(elements...))
	case node.Type != engdata.NodeTypeDir:
		d.files[name] = node
		return nil
	case known == nil:
		known = newDirEntry(name, at)
		d.dirs[name] = known
	}
	known.node, known.listed = node, true
	return nil
}

// paths are those of the snapshot: what is directly below the root.
func (w *fileWriter) paths() []string {
	names := slices.Concat(slices.Collect(maps.Keys(w.root.dirs)), slices.Collect(maps.Keys(w.root.files)))
	slices.Sort(names)
	for i, name := range names {
		names[i] = "/" + name
	}
	return names
}

// saveDir stores a directory, after those in it.
func (w *fileWriter) saveDir(ctx context.Context, d *dirEntry, name string) (engrestic.ID, error) {
	nodes := maps.Clone(d.files)
	for base, sub := range d.dirs {
		id, err := w.saveDir(ctx, sub, path.Join(name, base))
		if err != nil {
			return id, err
		}
		sub.node.Subtree = &id
		nodes[base] = sub.node
		w.summary.Dirs.New++
	}
	writer := engdata.NewTreeWriter(countingSaver{w})
	for _, base := range slices.Sorted(maps.Keys(nodes)) { // the engine requires the order
		if err := writer.AddNode(nodes[base]); err != nil {
			return engrestic.ID{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return writer.Finalize(ctx)
}

// countingSaver counts the trees that are new.
type countingSaver struct{ w *fileWriter }

func (c countingSaver) SaveBlob(ctx context.Context, t engrestic.BlobType, buf []byte, id engrestic.ID, again bool) (engrestic.ID, bool, int, error) {
	newID, known, inRepo, err := c.w.saver.SaveBlob(ctx, t, buf, id, again)
	if err == nil && !known {
		c.w.summary.TreeBlobs++
		c.w.summary.TreeSize += uint64(len(buf))
		c.w.summary.TreeSizeInRepo += uint64(inRepo)
	}
	return newID, known, inRepo, err
}
