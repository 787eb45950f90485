package unchanged

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// scratch is the memory that one goroutine uses again and again.
type scratch struct {
	stat   unix.Stat_t
	path   []byte // of the entry at hand, with a NUL at its end
	dir    int    // length of the directory's part of path
	at     int    // open directory in which path[from:] leads there, too
	from   int
	out    []byte
	names  []byte // of extended attributes
	value  []byte
	users  names
	groups names

	oldKernel bool // before 6.13
}

func newScratch() *scratch {
	return &scratch{
		names: make([]byte, 4096), value: make([]byte, 4096),
		users: names{look: userName}, groups: names{look: groupName},
	}
}

// itself sets a directory as what is at hand.
func (s *scratch) itself(dir string) {
	s.path = append(append(s.path[:0], dir...), 0)
	s.at, s.from = unix.AT_FDCWD, 0
}

// in sets the directory, open as fd, whose entries follow.
func (s *scratch) in(dir string, fd int) {
	s.path = append(s.path[:0], dir...)
	if dir != "/" {
		s.path = append(s.path, '/')
	}
	s.dir = len(s.path)
	s.at, s.from = fd, s.dir
}

// entryHead is head for an entry of the directory set by in.
func (s *scratch) entryHead(name string, deviceIDForHardlinks bool) ([]byte, fs.FileMode, bool) {
	s.path = append(append(s.path[:s.dir], name...), 0)
	return s.head(name, deviceIDForHardlinks)
}

// head writes the node of what path and stat describe, as restic does, up to
// and with the key of its content. It returns false for what restic would write
// differently, would warn about or would refuse.
func (s *scratch) head(name string, deviceIDForHardlinks bool) (text []byte, kind fs.FileMode, ok bool) {
	st := &s.stat
	mode := fileMode(st.Mode)
	kind = mode & fs.ModeType
	b := append(s.out[:0], nodeStart...)
	b = appendName(b, name)
	b = append(b, `","type":"`...)
	links := uint64(st.Nlink)
	switch kind {
	case 0:
		b = append(b, "file"...)
	case fs.ModeDir:
		b, links = append(b, "dir"...), 0
	case fs.ModeSymlink:
		b = append(b, "symlink"...)
	case fs.ModeDevice | fs.ModeCharDevice:
		b = append(b, "chardev"...)
	case fs.ModeDevice:
		b = append(b, "dev"...)
	case fs.ModeNamedPipe:
		b, links = append(b, "fifo"...), 0
	default:
		return nil, kind, false
	}
	b = append(b, '"')
	b = appendNumber(b, `,"mode":`, uint64(mode))
	b, ok = appendTimes(b, st)
	if !ok {
		return nil, kind, false
	}
	b = strconv.AppendUint(append(b, `,"uid":`...), uint64(st.Uid), 10)
	b = strconv.AppendUint(append(b, `,"gid":`...), uint64(st.Gid), 10)
	b = append(b, s.users.field(`,"user":`, st.Uid)...)
	b = append(b, s.groups.field(`,"group":`, st.Gid)...)
	b = appendNumber(b, `,"inode":`, st.Ino)
	if !deviceIDForHardlinks || links != 1 && kind != fs.ModeDir {
		b = appendNumber(b, `,"device_id":`, uint64(st.Dev))
	}
	if kind == 0 {
		b = appendNumber(b, `,"size":`, uint64(st.Size))
	}
	b = appendNumber(b, `,"links":`, links)
	if kind == fs.ModeSymlink {
		if b, ok = s.appendTarget(b); !ok {
			return nil, kind, false
		}
	}
	if b, ok = s.appendXattrs(b); !ok {
		return nil, kind, false
	}
	if kind&fs.ModeDevice != 0 {
		b = appendNumber(b, `,"device":`, uint64(st.Rdev))
	}
	b = append(b, `,"content":`...)
	s.out = b
	return b, kind, true
}

// fileMode is what the os package makes of the mode of a file.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFREG:
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	default:
		m |= fs.ModeIrregular
	}
	if mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// appendName writes a name quoted twice: as Go does, and that as JSON does.
func appendName(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; {
		case c < ' ' || c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			quoted := strconv.Quote(name)
			text := jsonText(quoted[1 : len(quoted)-1])
			return append(b, text[1:len(text)-1]...)
		}
	}
	return append(b, name...)
}

// jsonText is s as encoding/json writes it.
func jsonText(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return text
}

// appendNumber writes a field that is left out when it is 0.
func appendNumber(b []byte, key string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(b, key...), n, 10)
}

func unixTime(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }

// appendTimes writes the three times. The access time is recorded as the time of
// the last change, unless it is asked for.
func appendTimes(b []byte, st *unix.Stat_t) ([]byte, bool) {
	b = append(b, `,"mtime":"`...)
	from := len(b)
	b, ok := appendTime(b, st.Mtim)
	to := len(b)
	b = append(b, `","atime":"`...)
	b = append(b, b[from:to]...)
	b = append(b, `","ctime":"`...)
	if !ok {
		return b, false
	}
	if st.Ctim == st.Mtim {
		b = append(b, b[from:to]...)
	} else if b, ok = appendTime(b, st.Ctim); !ok {
		return b, false
	}
	return append(b, '"'), true
}

func appendTime(b []byte, at unix.Timespec) ([]byte, bool) {
	t := unixTime(at)
	if y := t.Year(); y < 0 || y > 9999 {
		return b, false // the engine bends such times
	}
	return t.AppendFormat(b, time.RFC3339Nano), true
}

func (s *scratch) appendTarget(b []byte) ([]byte, bool) {
	target, err := os.Readlink(string(s.path[:len(s.path)-1]))
	if err != nil {
		return b, false
	}
	if target != "" {
		b = append(append(b, `,"linktarget":`...), jsonText(target)...)
	}
	if !utf8.ValidString(target) {
		b = append(b, `,"linktarget_raw":"`...)
		b = base64.StdEncoding.AppendEncode(b, []byte(target))
		b = append(b, '"')
	}
	return b, true
}

// names are the names of users or groups.
type names struct {
	look  func(id uint32) string
	known map[uint32]string
	last  uint32
	text  string // of the last one
}

// field is the field with the name of id; nothing if it has none.
func (n *names) field(key string, id uint32) string {
	if n.known != nil && n.last == id {
		return n.text
	}
	text, ok := n.known[id]
	if !ok {
		if n.known == nil {
			n.known = map[uint32]string{}
		}
		if name := n.look(id); name != "" {
			text = key + string(jsonText(name))
		}
		n.known[id] = text
	}
	n.last, n.text = id, text
	return text
}

func userName(id uint32) string {
	u, err := user.LookupId(strconv.Itoa(int(id)))
	if err != nil {
		return ""
	}
	return u.Username
}

func groupName(id uint32) string {
	g, err := user.LookupGroupId(strconv.Itoa(int(id)))
	if err != nil {
		return ""
	}
	return g.Name
}
