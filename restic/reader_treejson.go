package restic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// decodeTreeFast reads a tree as every version of restic writes it, about ten times as
// fast as encoding/json. It returns false for anything unusual: unknown keys, numbers
// that overflow, odd times or escapes, text that is not UTF-8. The engine's own decoder
// is used then.
func decodeTreeFast(raw []byte) (nodes []TreeNode, ok bool) {
	return (&treeParser{raw: raw}).tree()
}

func (p *treeParser) tree() (nodes []TreeNode, ok bool) {
	nodes = make([]TreeNode, 0, bytes.Count(p.raw, []byte(`"name":`)))
	ok = p.list(func() bool {
		nodes = append(nodes, TreeNode{})
		return p.node(&nodes[len(nodes)-1])
	})
	if !ok {
		return nil, false
	}
	return nodes, true
}

// list reads a tree; node reads one of its nodes.
func (p *treeParser) list(node func() bool) bool {
	if !p.token('{') {
		return false
	}
	if key, ok := p.plain(); !ok || string(key) != "nodes" || !p.token(':') || !p.token('[') {
		return false
	}
	for first := true; !p.token(']'); first = false {
		if !first && !p.token(',') {
			return false
		}
		if !node() {
			return false
		}
	}
	if !p.token('}') {
		return false
	}
	p.space()
	return p.pos == len(p.raw)
}

type treeParser struct {
	raw []byte
	pos int

	bare   bool // without fingerprints
	buffer []ID // if not nil, content goes here
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

// text reads any string. encoding/json decodes strings with escapes, unless they are
// not UTF-8, which it would silently repair.
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
	if !p.token('"') {
		return false
	}
	end := p.pos + hex.EncodedLen(len(id))
	if end >= len(p.raw) || p.raw[end] != '"' {
		return false
	}
	_, err := hex.Decode(id[:], p.raw[p.pos:end])
	p.pos = end + 1
	return err == nil
}

func (p *treeParser) ids() ([]ID, bool) {
	if p.null() {
		return nil, true
	}
	if !p.token('[') {
		return nil, false
	}
	ids := []ID{}
	if p.buffer != nil {
		ids = p.buffer[:0]
	}
	for !p.token(']') {
		if len(ids) > 0 && !p.token(',') {
			return nil, false
		}
		ids = append(ids, ID{})
		if !p.id(&ids[len(ids)-1]) {
			return nil, false
		}
	}
	if p.buffer != nil {
		p.buffer = ids
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

// into decodes one value with encoding/json, for rare fields.
func (p *treeParser) into(v any) bool {
	span, ok := p.value()
	return ok && utf8.Valid(span) && json.Unmarshal(span, v) == nil
}
