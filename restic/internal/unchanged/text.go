package unchanged

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	engdata "github.com/restic/restic/rwmlink/data"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// The text of a tree is treeStart, nodes with commas between them, treeEnd.
const (
	treeStart = `{"nodes":[`
	treeEnd   = "]}\n"
	nodeStart = `{"name":"`
)

// A cursor steps through the nodes of a tree, whose text must be laid out as
// restic lays it out.
type cursor struct {
	raw  []byte
	pos  int    // start of the next node
	end  int    // where treeEnd starts
	last string // name of the node before, decoded
	any  bool   // there was a node before
}

// newCursor returns false for a text that restic would not write.
func newCursor(raw []byte) (*cursor, bool) {
	if !bytes.HasPrefix(raw, []byte(treeStart)) || !bytes.HasSuffix(raw, []byte(treeEnd)) || len(raw) < len(treeStart)+len(treeEnd) {
		return nil, false
	}
	return &cursor{raw: raw, pos: len(treeStart), end: len(raw) - len(treeEnd)}, true
}

func (c *cursor) done() bool { return c.pos == c.end }

// name returns the name of the next node. Names must ascend.
func (c *cursor) name() (string, bool) {
	text := c.raw[c.pos:c.end]
	if !bytes.HasPrefix(text, []byte(nodeStart)) {
		return "", false
	}
	text = text[len(nodeStart):]
	plain := true
	for i, b := range text {
		if b == '"' {
			return c.ascending(text[:i], plain)
		}
		if b == '\\' || b < ' ' || b >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	n := stringEnd(text)
	if n < 0 {
		return "", false
	}
	return c.ascending(text[:n], plain)
}

func (c *cursor) ascending(text []byte, plain bool) (name string, ok bool) {
	if name, ok = string(text), true; !plain {
		name, ok = decodeName(text)
	}
	return name, ok && (!c.any || name > c.last)
}

// decodeName undoes both ways in which restic quotes a name.
func decodeName(text []byte) (string, bool) {
	if !utf8.Valid(text) {
		return "", false
	}
	var quoted string
	if json.Unmarshal([]byte(`"`+string(text)+`"`), &quoted) != nil {
		return "", false
	}
	name, err := strconv.Unquote(`"` + quoted + `"`)
	return name, err == nil
}

// step moves on from the node called name, which ends at to.
func (c *cursor) step(name string, to int) bool {
	c.last, c.any = name, true
	switch {
	case to == c.end:
		c.pos = to
		return true
	case to < c.end-1 && c.raw[to] == ',':
		c.pos = to + 1
		return true
	}
	return false
}

// decode leaves the meaning of the next node, called name, to the engine and
// returns its end.
func (c *cursor) decode(name string) (node *engdata.Node, to int, ok bool) {
	n := nodeEnd(c.raw[c.pos:c.end])
	if n < 0 {
		return nil, 0, false
	}
	node = &engdata.Node{}
	if json.Unmarshal(c.raw[c.pos:c.pos+n], node) != nil || node.Name != name {
		return nil, 0, false
	}
	return node, c.pos + n, true
}

// nodeEnd returns the length of the JSON object at the start of text, or -1.
func nodeEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			n := stringEnd(text[i+1:])
			if n < 0 {
				return -1
			}
			i += n + 1
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// stringEnd returns where the quotation mark is that ends the string whose
// content starts text, or -1.
func stringEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// parseID reads 64 hexadecimal digits as restic writes them.
func parseID(text []byte) (id engrestic.ID, ok bool) {
	if len(text) != 2*len(id) {
		return id, false
	}
	for i := range id {
		high, low := digits[text[2*i]], digits[text[2*i+1]]
		if high > 15 || low > 15 {
			return id, false
		}
		id[i] = high<<4 | low
	}
	return id, true
}

// digits has the value of each lower-case hexadecimal digit, and 255 elsewhere.
var digits = func() (table [256]byte) {
	for i := range table {
		table[i] = 255
	}
	for i, b := range []byte("0123456789abcdef") {
		table[b] = byte(i)
	}
	return table
}()

const idText = 2 * len(engrestic.ID{})

// fileTail reads what follows `"content":` in a file's node, and calls has for
// each blob. It returns the length read, or -1 if that is not the rest of a node
// or has says no.
func fileTail(text []byte, has func(engrestic.ID) bool) int {
	if bytes.HasPrefix(text, []byte(`[]}`)) {
		return len(`[]}`)
	}
	if len(text) == 0 || text[0] != '[' {
		return -1
	}
	for i := 1; ; {
		if i+idText+4 > len(text) || text[i] != '"' || text[i+1+idText] != '"' {
			return -1
		}
		id, ok := parseID(text[i+1 : i+1+idText])
		if !ok || !has(id) {
			return -1
		}
		i += idText + 2
		switch {
		case text[i] == ',':
			i++
		case text[i] == ']' && text[i+1] == '}':
			return i + 2
		default:
			return -1
		}
	}
}

// otherTail is fileTail for what is neither a file nor a directory.
func otherTail(text []byte) int {
	if bytes.HasPrefix(text, []byte(`null}`)) {
		return len(`null}`)
	}
	return -1
}

// peek is name, or nothing at the end.
func (c *cursor) peek() (string, bool) {
	if c.done() {
		return "", true
	}
	return c.name()
}

// skip steps over the next node, called name. One that the engine could not read
// is not stepped over.
func (c *cursor) skip(name string) bool {
	_, to, ok := c.decode(name)
	return ok && c.step(name, to)
}

// subtree returns the tree of the next node, called name, and the node's end, if
// it is a directory that has one.
func (c *cursor) subtree(name string) (tree engrestic.ID, to int, ok bool) {
	node, to, ok := c.decode(name)
	if !ok || node.Type != engdata.NodeTypeDir || node.Subtree == nil {
		return tree, 0, false
	}
	return *node.Subtree, to, true
}
