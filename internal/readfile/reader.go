package readfile

import (
	"context"
	"io"
)

// Reader reads from rd until ctx ends, even if rd is a pipe into which nothing is
// written. A read in progress then continues in the background, into memory of its own.
// Closing the Reader does not close rd.
func Reader(ctx context.Context, rd io.Reader) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	return &reader{ctx: ctx, cancel: cancel, from: rd, parts: make(chan part)}
}

type reader struct {
	ctx    context.Context
	cancel context.CancelFunc
	from   io.Reader
	begun  bool
	parts  chan part
	last   part
}

type part struct {
	content []byte
	err     error
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !r.begun {
		r.begun = true
		go r.readAhead()
	}
	for len(r.last.content) == 0 {
		if r.last.err != nil {
			return 0, r.last.err
		}
		select {
		case r.last = <-r.parts:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.last.content)
	r.last.content = r.last.content[n:]
	return n, nil
}

// readAhead fills one buffer while the other is being read: Read takes a part only
// after it has used up the one before.
func (r *reader) readAhead() {
	var buffers [2][]byte
	for i := 0; ; i = 1 - i {
		if buffers[i] == nil {
			buffers[i] = make([]byte, 256<<10)
		}
		n, err := r.from.Read(buffers[i])
		select {
		case r.parts <- part{buffers[i][:n], err}:
		case <-r.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (r *reader) Close() error {
	r.cancel()
	return nil
}
