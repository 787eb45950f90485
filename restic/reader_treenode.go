package restic

import (
	"encoding/json"
	"io/fs"
	"math"
	"time"
)

func (p *treeParser) node(n *TreeNode) bool {
	p.space()
	start, nameStart, nameEnd := p.pos, 0, 0
	if !p.token('{') {
		return false
	}
	var rawTarget []byte
	for first := true; !p.token('}'); first = false {
		if !first && !p.token(',') {
			return false
		}
		key, ok := p.plain()
		if !ok || !p.token(':') {
			return false
		}
		p.space()
		if string(key) == "name" {
			if nameEnd > 0 {
				return false
			}
			nameStart = p.pos
			n.Name, ok = p.name()
			nameEnd = p.pos
		} else {
			ok = p.field(string(key), n, &rawTarget)
		}
		if !ok {
			return false
		}
	}
	if rawTarget != nil {
		n.LinkTarget = string(rawTarget)
	}
	if nameEnd == 0 {
		return false
	}
	if p.bare {
		return true
	}
	if sharesName(*n) {
		n.Fingerprint = fingerprint(p.raw[start:nameStart], p.raw[nameEnd:p.pos])
	} else {
		n.Fingerprint = fingerprint(p.raw[start:p.pos], nil)
	}
	return true
}

func (p *treeParser) field(key string, n *TreeNode, rawTarget *[]byte) (ok bool) {
	var number uint64
	switch key {
	case "type":
		var text []byte
		text, ok = p.plain()
		n.Type = nodeType(text)
	case "mode":
		number, ok = p.number(math.MaxUint32)
		n.Mode = fs.FileMode(number)
	case "mtime":
		n.ModTime, ok = p.time()
	case "atime":
		n.AccessTime, ok = p.time()
	case "ctime":
		n.ChangeTime, ok = p.time()
	case "uid":
		number, ok = p.number(math.MaxUint32)
		n.UID = uint32(number)
	case "gid":
		number, ok = p.number(math.MaxUint32)
		n.GID = uint32(number)
	case "size":
		n.Size, ok = p.number(math.MaxUint64)
	case "links":
		n.Links, ok = p.number(math.MaxUint64)
	case "device":
		n.Device, ok = p.number(math.MaxUint64)
	case "inode", "device_id":
		_, ok = p.number(math.MaxUint64)
	case "user", "group", "error":
		_, ok = p.text()
	case "linktarget":
		n.LinkTarget, ok = p.text()
	case "linktarget_raw":
		ok = p.into(rawTarget)
	case "extended_attributes":
		ok = p.into(&n.Xattrs)
	case "generic_attributes":
		ok = p.into(new(map[string]json.RawMessage))
	case "content":
		n.Content, ok = p.ids()
	case "subtree":
		n.Subtree = nil
		if p.null() {
			return true
		}
		n.Subtree = new(ID)
		ok = p.id(n.Subtree)
	}
	return ok
}

// time reads RFC 3339 with any fraction, as time.Time writes itself.
func (p *treeParser) time() (time.Time, bool) {
	text, ok := p.plain()
	if !ok || len(text) < len("2006-01-02T15:04:05Z") || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}
	bad := false
	digits := func(from, to, low, high int) int {
		n := 0
		for _, c := range text[from:to] {
			bad = bad || c < '0' || c > '9'
			n = n*10 + int(c-'0')
		}
		bad = bad || n < low || n > high
		return n
	}
	year, month := digits(0, 4, 0, 9999), digits(5, 7, 1, 12)
	day := digits(8, 10, 1, 31)
	if bad || (day > 28 && day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()) {
		return time.Time{}, false
	}
	hour, minute, second := digits(11, 13, 0, 23), digits(14, 16, 0, 59), digits(17, 19, 0, 59)
	at := 19
	nanos := 0
	if text[at] == '.' {
		from := at + 1
		for at = from; at < len(text) && text[at] >= '0' && text[at] <= '9'; at++ {
		}
		if at == from || at-from > 9 {
			return time.Time{}, false
		}
		nanos = digits(from, at, 0, math.MaxInt)
		for i := at - from; i < 9; i++ {
			nanos *= 10
		}
	}
	offset := 0
	switch rest := text[at:]; {
	case string(rest) == "Z":
	case len(rest) == len("+07:00") && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		offset = digits(at+1, at+3, 0, 23)*3600 + digits(at+4, at+6, 0, 59)*60
		if rest[0] == '-' {
			offset = -offset
		}
	default:
		return time.Time{}, false
	}
	if bad {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-time.Duration(offset) * time.Second), true
}
