package resticflags

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"unicode/utf16"
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

// readFile is os.ReadFile that ends with ctx, since a pipe may never have a writer. The
// goroutine that reads is then left behind until there is one.
func readFile(ctx context.Context, name string) ([]byte, error) {
	return until(ctx, func() ([]byte, error) { return os.ReadFile(name) })
}

func until(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
