package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// unreadGrace bounds a write after the run was interrupted.
const unreadGrace = 2 * time.Second

// errUnread: the program at the other end of the pipe does not read.
var errUnread = errors.New("nobody reads it")

// endingWriter is an output that may be a pipe whose reader is stalled. A write to it
// ends soon after a signal even if the reader never continues, so that the repository
// gets unlocked.
type endingWriter struct {
	w       io.Writer
	ctx     context.Context
	text    []byte // copy of the text being written: the caller may reuse its own
	writes  chan []byte
	results chan writeResult
	unread  bool // a write was left behind
}

type writeResult struct {
	n   int
	err error
}

// ending returns f itself if writes to it cannot block for ever.
func ending(ctx context.Context, f *os.File) io.Writer {
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() {
		return f
	}
	w := &endingWriter{w: f, ctx: ctx, writes: make(chan []byte), results: make(chan writeResult, 1)}
	go func() {
		for text := range w.writes {
			n, err := w.w.Write(text)
			w.results <- writeResult{n, err}
		}
	}()
	return w
}

// Write is called by one goroutine at a time.
func (w *endingWriter) Write(p []byte) (int, error) {
	if w.unread {
		return 0, errUnread
	}
	w.text = append(w.text[:0], p...)
	w.writes <- w.text
	select {
	case r := <-w.results:
		return r.n, r.err
	case <-w.ctx.Done():
	}
	late := time.NewTimer(unreadGrace)
	defer late.Stop()
	select {
	case r := <-w.results:
		return r.n, r.err
	case <-late.C:
		w.unread = true
		return 0, errUnread
	}
}
