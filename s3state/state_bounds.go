package s3state

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// budgetReader limits how much the JSON decoder may read for one field.
type budgetReader struct {
	r    io.Reader
	left int
	err  error
}

func (b *budgetReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = fmt.Errorf("%w: one of its fields is larger than %d KiB", ErrBadState, maxField>>10)
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.err = err
	}
	return n, err
}

// A state shrinks to about a fifth, because most of it is random: hashes, version IDs,
// ETags. Even one of equal entries hardly shrinks below a hundredth.
const (
	bombRatio = 300
	bombFrom  = 32 << 20 // bytes of output before the ratio counts
)

type bombGuard struct {
	zip *gzip.Reader
	in  *countReader
	out int64
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.zip.Read(p)
	g.out += int64(n)
	if g.out > bombFrom && g.out/bombRatio > g.in.n {
		return 0, fmt.Errorf("%w: it expands more than %d times, as no state does", ErrBadState, bombRatio)
	}
	if err != nil && err != io.EOF {
		if g.in.err != nil && !errors.Is(g.in.err, io.EOF) {
			return n, g.in.err // the connection's fault
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return n, fmt.Errorf("%w: it is truncated", ErrBadState)
		}
		return n, fmt.Errorf("%w: %v", ErrBadState, err)
	}
	return n, err
}

type countReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
