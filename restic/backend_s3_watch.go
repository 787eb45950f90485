package restic

import (
	"context"
	"errors"
	"io"
	"time"
)

// firstAnswer bounds the wait for a server that has never answered, all tries of the client together. Later requests may take as long
// as bytes move.
const firstAnswer = 15 * time.Second

var errStalled = errors.New("nothing moved for too long, the request was given up")

// watchdog ends a request during which no byte moves. Without it a connection that was cut without a word hangs for ever.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	after  time.Duration
}

func (b *s3Backend) watch(ctx context.Context) (*watchdog, context.Context) {
	after := b.stallAfter
	if !b.answered.Load() {
		after = min(after, firstAnswer)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{ctx: ctx, cancel: cancel, after: after}
	w.timer = time.AfterFunc(after, func() { cancel(errStalled) })
	return w, ctx
}

func (w *watchdog) touch() { w.timer.Reset(w.after) }

func (w *watchdog) pause() { w.timer.Stop() }

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain replaces the cancelled context that a stalled request ends with: to the layers above it would look like the caller's.
func (w *watchdog) explain(err error, stalled func() error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return stalled()
	}
	return err
}

// upload touches the watchdog whenever the transport takes more of the body.
func (w *watchdog) upload(rd io.Reader) io.Reader { return &uploadReader{rd, w} }

type uploadReader struct {
	io.Reader
	w *watchdog
}

func (r *uploadReader) Read(p []byte) (int, error) {
	r.w.touch()
	return r.Reader.Read(p)
}

// download lets the watchdog run while bytes are waited for, but not while a slow consumer works on them.
func (w *watchdog) download(rd io.ReadCloser) io.ReadCloser { return &downloadReader{rd, w} }

type downloadReader struct {
	io.ReadCloser
	w *watchdog
}

func (r *downloadReader) Read(p []byte) (int, error) {
	r.w.touch()
	n, err := r.ReadCloser.Read(p)
	r.w.pause()
	return n, err
}
