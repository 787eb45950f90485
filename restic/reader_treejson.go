package restic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// decodeTreeFast reads a tree as every version of restic writes it, about ten times as fast as encoding/json. It gives up
// (ok is false) at anything it does not know exactly: unknown keys, numbers that overflow, odd times or escapes, text that is not
// UTF-8. The engine's own decoder then says what it means.
func decodeTreeFast(raw []byte) (nodes []TreeNode, ok bool) {
	p := treeParser{raw: raw}
	if !p.token('{') {
		return nil, false
	}
	if key, ok := p.plain(); !ok || string(key) != "nodes" || !p.token(':') || !p.token('[') {
		return nil, false
	}
	nodes = make([]TreeNode, 0, bytes.Count(raw, []byte(`"name":`)))
	for !p.token(']') {
		if len(nodes) > 0 && !p.token(',') {
			return nil, false
		}
		nodes = append(nodes, TreeNode{})
		if !p.node(&nodes[len(nodes)-1]) {
			return nil, false
		}
	}
	if !p.token('}') {
		return nil, false
	}
	p.space()
	return nodes, p.pos == len(raw)
}

type treeParser struct {
	raw []byte
	pos int
}

func (p *treeParser) space() {
	for p.pos < len(p.raw) {
		switch p.raw[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// token steps over c, if it is next.
func (p *treeParser) token(c byte) bool {
	p.space()
	if p.pos < len(p.raw) && p.raw[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *treeParser) null() bool {
	p.space()
	if bytes.HasPrefix(p.raw[p.pos:], []byte("null")) {
		p.pos += 4
		return true
	}
	return false
}

// plain reads a string without escapes and without copying it.
func (p *treeParser) plain() ([]byte, bool) {
	if !p.token('"') {
		return nil, false
	}
	start, ascii := p.pos, true
	for ; p.pos < len(p.raw); p.pos++ {
		switch c := p.raw[p.pos]; {
		case c == '"':
			text := p.raw[start:p.pos]
			p.pos++
			return text, ascii || utf8.Valid(text)
		case c == '\\' || c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// text reads any string. What has escapes is left to encoding/json, unless it is not UTF-8, which encoding/json would mend in silence.
func (p *treeParser) text() (string, bool) {
	p.space()
	start := p.pos
	if text, ok := p.plain(); ok {
		return string(text), true
	}
	p.pos = start
	span, ok := p.value()
	var s string
	if !ok || !utf8.Valid(span) || json.Unmarshal(span, &s) != nil {
		return "", false
	}
	return s, true
}

// name reads a name, which restic writes quoted as Go quotes strings.
func (p *treeParser) name() (string, bool) {
	s, ok := p.text()
	if !ok {
		return "", false
	}
	for i := range len(s) {
		if s[i] == '\\' || s[i] == '"' || s[i] < ' ' {
			s, err := strconv.Unquote(`"` + s + `"`)
			return s, err == nil
		}
	}
	return s, true
}

func (p *treeParser) number(limit uint64) (uint64, bool) {
	p.space()
	start := p.pos
	var n uint64
	for ; p.pos < len(p.raw) && p.raw[p.pos] >= '0' && p.raw[p.pos] <= '9'; p.pos++ {
		d := uint64(p.raw[p.pos] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if p.pos == start || n > limit || (p.raw[start] == '0' && p.pos > start+1) || p.pos == len(p.raw) {
		return 0, false
	}
	switch p.raw[p.pos] {
	case ',', '}', ']', ' ', '\t', '\n', '\r':
		return n, true
	}
	return 0, false
}

func (p *treeParser) id(id *ID) bool {
	text, ok := p.plain()
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return false
	}
	_, err := hex.Decode(id[:], text)
	return err == nil
}

func (p *treeParser) ids() ([]ID, bool) {
	if p.null() {
		return nil, true
	}
	if !p.token('[') {
		return nil, false
	}
	var ids []ID
	for !p.token(']') {
		if len(ids) > 0 && !p.token(',') {
			return nil, false
		}
		ids = append(ids, ID{})
		if !p.id(&ids[len(ids)-1]) {
			return nil, false
		}
	}
	return ids, true
}

// value steps over one value of any kind and returns its text.
func (p *treeParser) value() ([]byte, bool) {
	p.space()
	start, depth := p.pos, 0
	for p.pos < len(p.raw) {
		switch c := p.raw[p.pos]; c {
		case '"':
			if !p.skipString() {
				return nil, false
			}
		case '{', '[':
			depth++
			p.pos++
		case '}', ']', ',':
			if depth == 0 {
				return p.raw[start:p.pos], p.pos > start
			}
			if c != ',' {
				depth--
			}
			p.pos++
		default:
			p.pos++
		}
		if depth == 0 && p.pos > start && (p.raw[p.pos-1] == '"' || p.raw[p.pos-1] == '}' || p.raw[p.pos-1] == ']') {
			return p.raw[start:p.pos], true
		}
	}
	return nil, false
}

func (p *treeParser) skipString() bool {
	for p.pos++; p.pos < len(p.raw); p.pos++ {
		switch p.raw[p.pos] {
		case '\\':
			p.pos++
		case '"':
			p.pos++
			return true
		}
	}
	return false
}

// into decodes one value with encoding/json; for what is rare.
func (p *treeParser) into(v any) bool {
	span, ok := p.value()
	return ok && utf8.Valid(span) && json.Unmarshal(span, v) == nil
}

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
