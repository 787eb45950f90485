package resticflags

import (
	"bytes"
	"encoding/binary"
	"os"
	"unicode/utf16"
)

// ReadText reads a file with text, as restic takes it: UTF-8, or UTF-16 with a byte
// order mark, which is what PowerShell writes. The mark is left out.
func ReadText(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if rest, found := bytes.CutPrefix(data, []byte(mark)); found {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = order.Uint16(rest[2*i:])
			}
			return []byte(string(utf16.Decode(units))), nil
		}
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}
