package restic

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/cesnet/rwm/internal/reqctx"
)

// firstAnswer bounds the wait for a server that has never answered, all attempts of the
// client together. Later requests may take as long as bytes move.
const firstAnswer = 15 * time.Second

var errStalled = errors.New("the request stalled and was aborted")

// watchdog aborts a stalled request. Without it, a connection that is cut silently
// hangs forever.
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
	return w, reqctx.WithoutCause(ctx)
}

func (w *watchdog) touch() { w.timer.Reset(w.after) }

func (w *watchdog) pause() { w.timer.Stop() }

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain replaces the context error of a stalled request, which the layers above would
// take for the caller's own cancellation.
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

// download runs the watchdog while it waits for bytes, but not while a slow consumer
// processes them.
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
