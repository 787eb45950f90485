package unchanged

import (
	"bytes"
	"fmt"
	"strings"

	engrestic "github.com/restic/restic/rwmlink/restic"
)

// A Dir is a directory that the parent snapshot has, with the tree it had then.
type Dir struct {
	path string // as the engine names it
	abs  string // the same, absolute, for what selects by path
	name string
	tree engrestic.ID
	node []byte // the node recorded for it; nil for one the engine started with

	parent *Dir

	// The scan sets what follows, before the state becomes scanned.
	raw     []byte // text of tree
	parts   []part // nil if the engine has to look at everything
	moved   bool   // its own node would be another one, or entries differ
	changes int    // entries that the engine will have to look at
	size    int64  // bytes of files among them
	Counts         // of what is hidden

	// The walker's lock guards what follows.
	state   state
	pending int  // children whose fate is not known yet
	same    bool // all of it is as recorded
	exposed bool // the engine has been told to look at it
}

type state uint8

const (
	queued state = iota
	scanning
	scanned
	settled // and so is everything below
)

// Counts are files, directories and bytes of files.
type Counts struct {
	Files, Dirs uint
	Bytes       uint64
}

// Add adds o.
func (c *Counts) Add(o Counts) {
	c.Files += o.Files
	c.Dirs += o.Dirs
	c.Bytes += o.Bytes
}

// A part is a stretch of a directory, in the order of names: either nodes of the
// recorded tree that are as they were, or one entry that has a name.
type part struct {
	name     string
	from, to int  // the recorded nodes in raw; none if both are 0
	child    *Dir // the entry is a directory, whose fate shows later
}

// hide notes that the node from…to is as it was.
func (d *Dir) hide(from, to int) {
	if n := len(d.parts); n > 0 && d.parts[n-1].name == "" && d.parts[n-1].to+1 == from {
		d.parts[n-1].to = to
		return
	}
	d.parts = append(d.parts, part{from: from, to: to})
}

// show notes that the engine has to look at an entry.
func (d *Dir) show(name string, from, to int) {
	d.parts = append(d.parts, part{name: name, from: from, to: to})
	d.moved = true
	d.changes++
}

// giveUp leaves the whole directory to the engine.
func (d *Dir) giveUp() {
	d.raw, d.parts, d.moved, d.changes, d.size, d.Counts = nil, nil, true, 0, 0, Counts{}
}

// A View is what the engine is shown of a directory.
type View struct {
	Names  []string // entries to look at, without the marker
	Parent []byte   // the parent's tree, without what is hidden

	dir *Dir
}

// view fixes what the engine is shown.
func (d *Dir) view() *View {
	v := &View{dir: d}
	var text bytes.Buffer
	text.WriteString(treeStart)
	for i := range d.parts {
		p := &d.parts[i]
		if p.child != nil {
			if p.child.state == settled && p.child.same {
				p.name = ""
			} else {
				p.child.exposed = true
			}
			p.child = nil
		}
		if p.name == "" {
			continue
		}
		v.Names = append(v.Names, p.name)
		if p.to > 0 {
			if text.Len() > len(treeStart) {
				text.WriteByte(',')
			}
			text.Write(d.raw[p.from:p.to])
		}
	}
	text.WriteString(treeEnd)
	v.Parent = text.Bytes()
	return v
}

// Kept returns the recorded tree if the view hides all there is and nothing is
// gone, so that the tree is as it was. Counts tells what is hidden.
func (v *View) Kept() (engrestic.ID, bool) {
	return v.dir.tree, len(v.Names) == 0 && !v.dir.moved
}

// Counts tells how much is hidden.
func (v *View) Counts() Counts { return v.dir.Counts }

// Splice makes the directory's tree of the one that the engine has made of the
// view. The first node of that, the marker, is left out.
func (v *View) Splice(short []byte) ([]byte, error) {
	c, ok := newCursor(short)
	if !ok {
		return nil, fmt.Errorf("%s: tree of unexpected form", v.dir.path)
	}
	next := func() (string, []byte, error) {
		if c.done() {
			return "", nil, nil
		}
		name, ok := c.name()
		n := nodeEnd(c.raw[c.pos:c.end])
		if !ok || n < 0 {
			return "", nil, fmt.Errorf("%s: tree of unexpected form", v.dir.path)
		}
		node := c.raw[c.pos : c.pos+n]
		if !c.step(name, c.pos+n) {
			return "", nil, fmt.Errorf("%s: tree of unexpected form", v.dir.path)
		}
		return name, node, nil
	}
	if _, _, err := next(); err != nil { // the marker
		return nil, err
	}
	name, node, err := next()
	out := make([]byte, 0, len(v.dir.raw)+len(short))
	out = append(out, treeStart...)
	add := func(text []byte) {
		if len(out) > len(treeStart) {
			out = append(out, ',')
		}
		out = append(out, text...)
	}
	for _, p := range v.dir.parts {
		switch {
		case err != nil:
			return nil, err
		case p.name == "":
			add(v.dir.raw[p.from:p.to])
		case node != nil && name == p.name:
			add(node)
			name, node, err = next()
		}
	}
	if err == nil && node != nil {
		err = fmt.Errorf("%s: unexpected entry %q", v.dir.path, name)
	}
	return append(out, treeEnd...), err
}

// join is what the engine's file system makes of a directory and a name.
func join(dir, name string) string {
	switch {
	case dir == ".":
		return name
	case strings.HasSuffix(dir, "/"):
		return dir + name
	}
	return dir + "/" + name
}
