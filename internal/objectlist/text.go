package objectlist

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// The forms of a text. What a form would not give back exactly is kept as it is.
const (
	asIs   = iota
	asHex  // lower-case hex digits: names of restic, ETags
	quoted // the same between quotation marks, as listings have ETags
	asSix  // 6 bits for each character: version IDs of most servers
)

// text is one that is not unpacked yet.
type text struct {
	form   byte
	length int // of what is packed, in characters
	packed []byte
}

// sixBits is what most version IDs are made of: letters, digits and two more.
var sixBits = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").WithPadding(base64.NoPadding)

func packedSize(form byte, length int) int {
	switch form {
	case asHex, quoted:
		return (length + 1) / 2
	case asSix:
		return length / 4 * 3
	}
	return length
}

func appendText(to []byte, s string) []byte {
	form, inner := asIs, s
	switch {
	case isHex(s):
		form = asHex
	case len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' && isHex(s[1:len(s)-1]):
		form, inner = quoted, s[1:len(s)-1]
	case len(s) > 0 && len(s)%4 == 0 && isSix(s):
		form = asSix
	}
	to = binary.AppendUvarint(to, uint64(len(inner))<<2|uint64(form))
	switch form {
	case asHex, quoted:
		for i := 0; i < len(inner); i += 2 {
			b := nibble(inner[i]) << 4
			if i+1 < len(inner) {
				b |= nibble(inner[i+1])
			}
			to = append(to, b)
		}
		return to
	case asSix:
		to, _ = sixBits.AppendDecode(to, []byte(inner)) // isSix has looked
		return to
	}
	return append(to, inner...)
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) > 0
}

func isSix(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func (t text) appendTo(to []byte) []byte {
	switch t.form {
	case asHex, quoted:
		if t.form == quoted {
			to = append(to, '"')
		}
		to = hex.AppendEncode(to, t.packed)
		if t.length%2 == 1 {
			to = to[:len(to)-1]
		}
		if t.form == quoted {
			to = append(to, '"')
		}
		return to
	case asSix:
		return sixBits.AppendEncode(to, t.packed)
	}
	return append(to, t.packed...)
}

func (t text) String() string {
	var buf [128]byte
	return string(t.appendTo(buf[:0]))
}
