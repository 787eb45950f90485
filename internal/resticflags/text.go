package resticflags

import (
	"bytes"
	"context"
	"encoding/binary"
	"unicode/utf16"

	"github.com/cesnet/rwm/internal/readfile"
)

// ReadText reads a file with text, as restic takes it: UTF-8, or UTF-16 with a byte
// order mark, which is what PowerShell writes. The mark is left out.
func ReadText(ctx context.Context, name string) ([]byte, error) {
	data, err := readFile(ctx, name)
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

func readFile(ctx context.Context, name string) ([]byte, error) {
	file, err := readfile.Read(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	return file.Content, nil
}
