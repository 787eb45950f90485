package restic

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A grove is a directory tree that is made and changed at random. Errors of
// single changes do not matter: every lane of a test sees the same tree.
type grove struct {
	dir  string
	rng  *rand.Rand
	made int
}

var oddNames = []string{
	"plain", "b\xff\xfe", "new\nline", `quo"te\`, "<a href=&>", "žluťoučký", "\u2028", "\x7f", " ", "😀", "a\tb", "-", "..x",
	"\xc3\x28", "\u00a0", "\u200b", "nul\\x00", strings.Repeat("long", 60), "\x01", "Ω", "$HOME", "*", "~", "\ufffd", "\\u0041",
}

// newGrove makes one that is at least depth deep.
func newGrove(t testing.TB, seed uint64, depth int) *grove {
	g := &grove{dir: filepath.Join(t.TempDir(), "grove"), rng: rand.New(rand.NewPCG(seed, 7))}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g.grow(g.dir, depth)
	return g
}

func (g *grove) name() string {
	g.made++
	return fmt.Sprintf("%s%d", oddNames[g.rng.IntN(len(oddNames))], g.made)
}

// grow fills a directory.
func (g *grove) grow(dir string, depth int) {
	for range g.rng.IntN(8) {
		g.file(filepath.Join(dir, g.name()))
	}
	for range 3 {
		g.special(filepath.Join(dir, g.name()))
	}
	if depth > 0 {
		for range 1 + g.rng.IntN(4) {
			sub := filepath.Join(dir, g.name())
			_ = os.Mkdir(sub, 0o755)
			g.grow(sub, depth-1)
			g.dress(sub)
		}
	}
}

func (g *grove) file(path string) {
	size := g.rng.IntN(300)
	switch g.rng.IntN(40) {
	case 0:
		size = 600_000 + g.rng.IntN(1_500_000)
	case 1, 2:
		size = 0
	}
	_ = os.WriteFile(path, []byte(noise(size, g.rng.Uint64())), 0o644)
	if g.rng.IntN(20) == 0 {
		_ = os.Truncate(path, int64(size)+100_000) // sparse
	}
	g.dress(path)
}

func (g *grove) special(path string) {
	switch g.rng.IntN(9) {
	case 0:
		_ = os.Symlink("target "+g.name(), path)
	case 1:
		_ = os.Symlink("/\xff\xfe<&>", path)
	case 2:
		_ = unix.Mkfifo(path, 0o640)
	case 3:
		_ = unix.Mknod(path, unix.S_IFSOCK|0o600, 0)
	case 4:
		_ = unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	case 5:
		_ = unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(259, 70000)))
	default:
		if other := g.pick(); other != "" {
			_ = os.Link(other, path)
		}
	}
	if g.rng.IntN(2) == 0 {
		g.dress(path)
	}
}

// acl is a POSIX ACL with a named user.
var acl = []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255}

// dress gives an item other metadata, now and then.
func (g *grove) dress(path string) {
	switch g.rng.IntN(14) {
	case 0:
		_ = unix.Lsetxattr(path, "user.colour<&>", []byte{0, 255, byte(g.rng.IntN(200))}, 0)
		_ = unix.Lsetxattr(path, "user.empty", nil, 0)
	case 1:
		_ = unix.Lsetxattr(path, "trusted.long", bytes.Repeat([]byte{byte(g.rng.IntN(256))}, 1000+g.rng.IntN(2500)), 0)
	case 2:
		_ = unix.Lsetxattr(path, "system.posix_acl_access", acl, 0)
	case 3:
		_ = os.Lchown(path, []int{0, 1, 65534, 4_000_000}[g.rng.IntN(4)], []int{0, 2, 4_000_001}[g.rng.IntN(3)])
	case 4:
		_ = os.Chmod(path, []os.FileMode{0o644, 0o700, 0, 0o4755 | os.ModeSetuid, 0o770 | os.ModeSetgid, 0o1777 | os.ModeSticky}[g.rng.IntN(6)])
	case 5:
		g.dated(path, time.Unix(int64(g.rng.IntN(1<<33))-1<<31, int64(g.rng.IntN(3))*333_000_000))
	case 6:
		g.dated(path, time.Date(11000, 1, 1, 0, 0, 0, 0, time.UTC))
	}
}

func (g *grove) dated(path string, at time.Time) {
	ts, err := unix.TimeToTimespec(at)
	if err == nil {
		_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	}
}

// pick returns one of the items below dir.
func (g *grove) pick() string {
	var all []string
	_ = filepath.WalkDir(g.dir, func(path string, _ os.DirEntry, err error) error {
		if path != g.dir && err == nil {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return ""
	}
	return all[g.rng.IntN(len(all))]
}

// change does n random things to the tree.
func (g *grove) change(n int) {
	for range n {
		path := g.pick()
		fi, err := os.Lstat(path)
		if err != nil {
			continue
		}
		switch g.rng.IntN(12) {
		case 0:
			_ = os.RemoveAll(path)
		case 1: // a file becomes a directory, and the reverse
			_ = os.RemoveAll(path)
			if fi.IsDir() {
				g.file(path)
			} else {
				_ = os.Mkdir(path, 0o755)
				g.grow(path, 0)
			}
		case 2: // only the ctime changes
			_ = os.Chmod(path, fi.Mode())
		case 3: // same size, same mtime, other content
			if fi.Mode().IsRegular() {
				_ = os.WriteFile(path, []byte(noise(int(min(fi.Size(), 1<<20)), g.rng.Uint64())), 0o644)
				g.dated(path, fi.ModTime())
			}
		case 4:
			_ = os.Rename(path, filepath.Join(filepath.Dir(path), g.name()))
		case 5:
			if attrs := make([]byte, 1000); fi.Mode()&os.ModeSymlink == 0 {
				if n, err := unix.Llistxattr(path, attrs); err == nil && n > 0 {
					_ = unix.Lremovexattr(path, string(attrs[:bytes.IndexByte(attrs, 0)]))
				}
			}
		case 6:
			g.file(filepath.Join(filepath.Dir(path), g.name()))
		case 7:
			g.special(filepath.Join(filepath.Dir(path), g.name()))
		case 8: // replaced by an equal one
			if !fi.Mode().IsRegular() {
				continue
			}
			if raw, err := os.ReadFile(path); err == nil {
				_ = os.Remove(path)
				_ = os.WriteFile(path, raw, fi.Mode())
				g.dated(path, fi.ModTime())
			}
		default:
			g.dress(path)
		}
	}
}

// removeLinks removes all symbolic links.
func (g *grove) removeLinks() {
	_ = filepath.WalkDir(g.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type() == os.ModeSymlink {
			_ = os.Remove(path)
		}
		return nil
	})
}
