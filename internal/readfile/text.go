package readfile

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// Text returns the text of a file as UTF-8. UTF-16 with a byte order mark, which is
// what PowerShell writes, is converted; a mark is left out.
func Text(content []byte) []byte {
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if rest, found := bytes.CutPrefix(content, []byte(mark)); found {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = order.Uint16(rest[2*i:])
			}
			return []byte(string(utf16.Decode(units)))
		}
	}
	return bytes.TrimPrefix(content, []byte("\ufeff"))
}
