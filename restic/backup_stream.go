package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cesnet/rwm/internal/events"
)

// readerGrace is how long a backup that was stopped waits for a Read in progress.
const readerGrace = 5 * time.Second

// stream passes a reader on to the engine so that the backup ends with its context: the
// read of a pipe does not end while a process that holds the other end, such as one
// that a command left behind, writes nothing.
type stream struct {
	name  string
	pipe  *io.PipeReader
	stop  func()        // no further Read
	ended chan struct{} // closed once the reader is no longer used

	mu  sync.Mutex
	err error // of the reader itself
}

func newStream(ctx context.Context, name string, rd io.ReadCloser, mayBeEmpty bool) *stream {
	pr, pw := io.Pipe()
	ctx, stop := context.WithCancel(ctx)
	s := &stream{name: name, pipe: pr, stop: stop, ended: make(chan struct{})}
	context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	go func() {
		defer close(s.ended)
		defer stop()
		from := &watchedReader{ctx: ctx, rd: rd}
		_, err := io.Copy(pw, from)
		closed := events.Try(rd.Close)
		switch {
		case from.err != nil:
			s.fail(from.err)
		case err != nil: // the backup has ended before the stream
		case closed != nil:
			s.fail(closed)
		case from.n == 0 && !mayBeEmpty:
			err = ErrEmptySource
			s.fail(err)
		}
		pw.CloseWithError(errors.Join(err, closed)) // nil means the end
	}()
	return s
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// failure is the reader's own error; nil if there was none so far.
func (s *stream) failure() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// finish returns once the reader is no longer used, or after a while with an error that
// says so.
func (s *stream) finish() error {
	if s == nil {
		return nil
	}
	s.stop()
	_ = s.pipe.Close()
	late := time.NewTimer(readerGrace)
	defer late.Stop()
	select {
	case <-s.ended:
		return nil
	case <-late.C:
		return fmt.Errorf("%s: %w: its Read did not return within %v", s.name, ErrReaderBusy, readerGrace)
	}
}

// checkedRead is a Read of the caller's, which may panic or return an impossible count.
func checkedRead(rd io.Reader, p []byte) (n int, err error) {
	broken := events.Try(func() error {
		n, err = rd.Read(p)
		return nil
	})
	if broken == nil && (n < 0 || n > len(p)) {
		broken = fmt.Errorf("its Read returned %d of %d bytes", n, len(p))
	}
	if broken != nil {
		return 0, broken
	}
	return n, err
}

// watchedReader remembers how reading ended. Once the context has ended there is no
// further Read: one that gives neither data nor an error would be called for ever.
type watchedReader struct {
	ctx context.Context
	rd  io.Reader
	n   int64
	err error // but for io.EOF
}

func (w *watchedReader) Read(p []byte) (n int, err error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err = checkedRead(w.rd, p)
	w.n += int64(n)
	if err != nil && err != io.EOF {
		err = events.Own(w.ctx, err)
		w.err = err
	}
	return n, err
}
