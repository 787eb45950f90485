package s3state

import (
	"bufio"
	"encoding/binary"
	"io"
	"time"
)

type manifestReader struct {
	r    *bufio.Reader
	skip map[string]bool
}

// next returns the next entry, and io.EOF after the last.
func (r *manifestReader) next() (entry, error) {
	for {
		o, err := r.read()
		if err != nil || !r.skip[o.Key] {
			return o, err
		}
	}
}

func (r *manifestReader) read() (entry, error) {
	var o entry
	for i, field := range []*string{&o.Key, &o.VersionID, &o.ETag} {
		n, err := binary.ReadUvarint(r.r)
		if err != nil {
			if i > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return entry{}, err
		}
		buf := make([]byte, n)
		if _, err := io.ReadFull(r.r, buf); err != nil {
			return entry{}, err
		}
		*field = string(buf)
	}
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return entry{}, err
	}
	o.Size = int64(n)
	at, err := binary.ReadVarint(r.r)
	if err != nil {
		return entry{}, err
	}
	o.Modified = time.UnixMicro(at).UTC()
	return o, nil
}
