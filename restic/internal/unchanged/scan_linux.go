package unchanged

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	engfs "github.com/restic/restic/rwmlink/fs"
)

// Supported reports whether a Walker can do its work on this system.
const Supported = true

// scan compares a directory with its recorded tree.
func (w *Walker) scan(d *Dir, s *scratch) {
	f, err := openDir(d.path)
	if err != nil {
		d.giveUp()
		return
	}
	defer f.Close()
	fd := int(f.Fd())
	if d.node != nil && !w.sameNode(d, fd, s) {
		d.moved = true
	}
	if !w.sameEntries(d, f, s) {
		d.giveUp()
	}
}

// openDir opens a directory without changing its access time where that is
// allowed.
func openDir(path string) (*os.File, error) {
	const flags = os.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	f, err := os.OpenFile(path, flags|unix.O_NOATIME, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(path, flags, 0)
	}
	return f, err
}

// sameNode reports whether the directory's own node would be as recorded, but
// for its tree.
func (w *Walker) sameNode(d *Dir, fd int, s *scratch) bool {
	if err := unix.Fstat(fd, &s.stat); err != nil {
		return false
	}
	s.itself(d.path)
	head, kind, ok := s.head(d.name, w.opts.DeviceIDForHardlinks)
	return ok && kind == fs.ModeDir && bytes.HasPrefix(d.node, head)
}

// sameEntries compares the entries. It returns false if the engine has to do so.
func (w *Walker) sameEntries(d *Dir, f *os.File, s *scratch) bool {
	entries, err := f.ReadDir(-1)
	if err != nil {
		return false
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	raw, err := w.opts.Load(w.ctx, d.tree)
	if err != nil {
		return false
	}
	d.raw = raw
	c, ok := newCursor(raw)
	if !ok {
		return false
	}
	fd := int(f.Fd())
	s.in(d.path, fd)
	recorded, ok := c.peek()
	for i, e := range entries {
		name := e.Name()
		if i > 0 && entries[i-1].Name() == name || i%1024 == 0 && w.ctx.Err() != nil {
			return false
		}
		// What was recorded and is not there any more.
		for ok && !c.done() && recorded < name {
			d.moved = true
			if ok = c.skip(recorded); ok {
				recorded, ok = c.peek()
			}
		}
		if !ok {
			return false
		}
		known := !c.done() && recorded == name
		kind := w.entry(d, e, fd, c, known, s)
		if kind == failed {
			return false
		}
		if known {
			if kind == excluded {
				d.moved = true
				ok = c.skip(recorded)
			}
			if ok {
				recorded, ok = c.peek()
			}
			if !ok {
				return false
			}
		}
	}
	for !c.done() {
		d.moved = true
		if recorded, ok = c.peek(); !ok || !c.skip(recorded) {
			return false
		}
	}
	return true
}

// verdict is what became of an entry.
type verdict uint8

const (
	failed   verdict = iota // the recorded tree is odd
	excluded                // not part of the backup; a recorded node was not stepped over
	done                    // a recorded node was stepped over
)

// entry finds out about one entry, whose recorded node is the cursor's next one
// if known.
func (w *Walker) entry(d *Dir, e os.DirEntry, fd int, c *cursor, known bool, s *scratch) verdict {
	name := e.Name()
	if w.opts.SelectName != nil && !w.opts.SelectName(join(d.abs, name)) {
		return excluded
	}
	isDir := e.IsDir()
	if !isDir || w.opts.Select != nil {
		if err := unix.Fstatat(fd, name, &s.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return d.left(c, name, known)
		}
		isDir = s.stat.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	if w.opts.Select != nil && !w.opts.Select(join(d.abs, name), s.info(name)) {
		return excluded
	}
	if !known {
		if !isDir {
			d.size += s.stat.Size
		}
		return d.left(c, name, false)
	}
	if isDir {
		return w.subdir(d, c, name)
	}
	head, kind, ok := s.entryHead(name, w.opts.DeviceIDForHardlinks)
	if !ok || !bytes.HasPrefix(c.raw[c.pos:], head) {
		d.size += s.stat.Size
		return d.left(c, name, true)
	}
	from := c.pos
	rest := c.raw[from+len(head) : c.end]
	n := 0
	if kind == 0 {
		n = fileTail(rest, w.opts.HasData)
	} else {
		n = otherTail(rest)
	}
	to := from + len(head) + n
	if n < 0 || !c.step(name, to) {
		return d.left(c, name, true)
	}
	d.hide(from, to)
	if kind == 0 {
		d.Files++
		d.Bytes += uint64(s.stat.Size)
	}
	return done
}

// left leaves an entry to the engine.
func (d *Dir) left(c *cursor, name string, known bool) verdict {
	if !known {
		d.show(name, 0, 0)
		return done
	}
	from := c.pos
	_, to, ok := c.decode(name)
	if !ok || !c.step(name, to) {
		return failed
	}
	d.show(name, from, to)
	return done
}

// subdir notes a directory that is to be looked at in its turn.
func (w *Walker) subdir(d *Dir, c *cursor, name string) verdict {
	from := c.pos
	tree, to, ok := c.subtree(name)
	if !ok {
		return d.left(c, name, true)
	}
	if !c.step(name, to) {
		return failed
	}
	path := join(d.path, name)
	child := &Dir{path: path, abs: path, name: name, tree: tree, node: c.raw[from:to], parent: d}
	if d.abs != d.path {
		child.abs = join(d.abs, name)
	}
	d.parts = append(d.parts, part{name: name, from: from, to: to, child: child})
	return done
}

// info is what the engine's file system says about what was found at last.
func (s *scratch) info(name string) *engfs.ExtendedFileInfo {
	st := &s.stat
	return &engfs.ExtendedFileInfo{
		Name: name, Mode: fileMode(st.Mode),
		DeviceID: uint64(st.Dev), Inode: st.Ino, Links: uint64(st.Nlink), UID: st.Uid, GID: st.Gid, Device: uint64(st.Rdev),
		BlockSize: int64(st.Blksize), Blocks: st.Blocks, Size: st.Size,
		AccessTime: unixTime(st.Atim), ModTime: unixTime(st.Mtim), ChangeTime: unixTime(st.Ctim),
	}
}
