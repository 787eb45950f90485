package treecmp

import (
	"io/fs"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func (r *Result) compareOwner(rel string, want, got fs.FileInfo) {
	w, g := want.Sys().(*syscall.Stat_t), got.Sys().(*syscall.Stat_t)
	if w.Uid != g.Uid || w.Gid != g.Gid {
		r.differ(rel, "owner %d:%d, want %d:%d", g.Uid, g.Gid, w.Uid, w.Gid)
	}
	if !want.IsDir() && w.Nlink != g.Nlink {
		r.differ(rel, "%d links, want %d", g.Nlink, w.Nlink)
	}
}

func (r *Result) compareXattrs(rel, want, got string) {
	w, g := xattrs(want), xattrs(got)
	if w != g {
		r.differ(rel, "extended attributes %q, want %q", g, w)
	}
}

// xattrs is all extended attributes in one comparable string; a file system
// without them has none.
func xattrs(path string) string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return ""
	}
	names := strings.FieldsFunc(string(buf[:n]), func(c rune) bool { return c == 0 })
	sort.Strings(names)
	var all strings.Builder
	for _, name := range names {
		if n, err := unix.Lgetxattr(path, name, buf); err == nil {
			all.WriteString(name + "=" + string(buf[:n]) + ";")
		}
	}
	return all.String()
}
