package restic

import (
	"context"
	"io"

	engbackend "github.com/restic/restic/rwmlink/backend"
)

// aheadLoad reads a small object in the background.
type aheadLoad struct {
	cancel context.CancelFunc
	done   chan struct{}
	raw    []byte // these two are set once done is closed
	err    error
}

func loadAhead(ctx context.Context, be engbackend.Backend, h engbackend.Handle) *aheadLoad {
	ctx, cancel := context.WithCancel(ctx)
	l := &aheadLoad{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.err = be.Load(ctx, h, 0, 0, func(rd io.Reader) (err error) {
			l.raw, err = io.ReadAll(rd)
			return err
		})
	}()
	return l
}

func (l *aheadLoad) wait(ctx context.Context) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return l.raw, l.err
	}
}

// stop aborts the request, if it is still in progress, and waits until it has ended.
func (l *aheadLoad) stop() {
	l.cancel()
	<-l.done
}
