package restic

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	engdata "github.com/restic/restic/rwmlink/data"
)

// appendTree writes a tree byte for byte as the engine does, about five times as fast.
func appendTree(b []byte, nodes []*engdata.Node) ([]byte, error) {
	return appendTreeLike(b, nodes, func(int) []byte { return nil })
}

// appendTreeLike is appendTree where some nodes are encoded already.
func appendTreeLike(b []byte, nodes []*engdata.Node, encoded func(i int) []byte) ([]byte, error) {
	start := len(b)
	b = append(b, `{"nodes":[`...)
	last := ""
	for i, n := range nodes {
		if n.Name <= last {
			return engineTree(b[:start], nodes) // which has an error for it
		}
		if last != "" {
			b = append(b, ',')
		}
		last = n.Name
		if text := encoded(i); text != nil {
			b = append(b, text...)
			continue
		}
		var ok bool
		if b, ok = appendNode(b, n); !ok {
			return engineTree(b[:start], nodes)
		}
	}
	return append(b, "]}\n"...), nil
}

func engineTree(b []byte, nodes []*engdata.Node) ([]byte, error) {
	builder := engdata.NewTreeJSONBuilder()
	for _, n := range nodes {
		if err := builder.AddNode(n); err != nil {
			return nil, err
		}
	}
	text, err := builder.Finalize()
	return append(b, text...), err
}

// appendNode writes a node. It returns false for a node that it leaves to the engine.
func appendNode(b []byte, n *engdata.Node) ([]byte, bool) {
	if n.GenericAttributes != nil || n.LinkTargetRaw != nil || !utf8.ValidString(n.LinkTarget) {
		return b, false
	}
	b = appendQuotedTwice(append(b, `{"name":`...), n.Name)
	b = appendText(append(b, `,"type":`...), string(n.Type))
	b = appendNumber(b, `,"mode":`, uint64(n.Mode))
	for _, at := range []struct {
		key string
		at  time.Time
	}{{`,"mtime":"`, n.ModTime}, {`,"atime":"`, n.AccessTime}, {`,"ctime":"`, n.ChangeTime}} {
		if year := at.at.Year(); year < 1 || year > 9999 {
			return b, false
		}
		if offset := zoneOffset(at.at); offset%60 != 0 || offset <= -24*3600 || offset >= 24*3600 {
			return b, false
		}
		b = append(at.at.AppendFormat(append(b, at.key...), time.RFC3339Nano), '"')
	}
	b = strconv.AppendUint(append(b, `,"uid":`...), uint64(n.UID), 10)
	b = strconv.AppendUint(append(b, `,"gid":`...), uint64(n.GID), 10)
	b = appendTextField(b, `,"user":`, n.User)
	b = appendTextField(b, `,"group":`, n.Group)
	b = appendNumber(b, `,"inode":`, n.Inode)
	b = appendNumber(b, `,"device_id":`, n.DeviceID)
	b = appendNumber(b, `,"size":`, n.Size)
	b = appendNumber(b, `,"links":`, n.Links)
	b = appendTextField(b, `,"linktarget":`, n.LinkTarget)
	b = appendXattrs(b, n.ExtendedAttributes)
	b = appendNumber(b, `,"device":`, n.Device)
	b = append(b, `,"content":`...)
	if n.Content == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for i := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendID(b, ID(n.Content[i]))
		}
		b = append(b, ']')
	}
	if n.Subtree != nil {
		b = appendID(append(b, `,"subtree":`...), ID(*n.Subtree))
	}
	b = appendTextField(b, `,"error":`, n.Error)
	return append(b, '}'), true
}

func appendXattrs(b []byte, list []engdata.ExtendedAttribute) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"extended_attributes":[`...)
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(append(b, `{"name":`...), x.Name), `,"value":`...)
		if x.Value == nil {
			b = append(b, "null}"...)
			continue
		}
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), x.Value), `"}`...)
	}
	return append(b, ']')
}

// appendNumber writes a field that is left out when it is 0.
func appendNumber(b []byte, key string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(append(b, key...), n, 10)
}

// appendTextField writes a field that is left out when it is empty.
func appendTextField(b []byte, key, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, key...), text)
}

// appendText writes a string as encoding/json does.
func appendText(b []byte, text string) []byte {
	if plainText(text) {
		return append(append(append(b, '"'), text...), '"')
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return append(b, quoted...)
}

// appendQuotedTwice writes a name as restic does: quoted as Go quotes strings, and that
// as JSON does.
func appendQuotedTwice(b []byte, name string) []byte {
	if plainText(name) {
		return append(append(append(b, '"'), name...), '"')
	}
	quoted := strconv.Quote(name)
	return appendText(b, quoted[1:len(quoted)-1])
}

// plainText reports whether a text needs no escaping in either form.
func plainText(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

const hexDigits = "0123456789abcdef"

func appendID(b []byte, id ID) []byte {
	b = append(b, '"')
	for _, c := range id {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, '"')
}
