package restic

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	englimiter "github.com/restic/restic/rwmlink/limiter"
)

// SetLimits changes the rates of WithLimits, in KiB/s, while the session is in use; 0
// means unlimited. Transfers under way obey the new rates from their next piece on.
func (s *Session) SetLimits(upKiB, downKiB int) error {
	if upKiB < 0 || downKiB < 0 {
		return fmt.Errorf("invalid limits %d and %d KiB/s: they cannot be negative", upKiB, downKiB)
	}
	if s.never() {
		return errNilSession
	}
	s.stack.limits.set(upKiB, downKiB)
	return nil
}

// limits bounds rates that may change.
type limits struct{ up, down *rate.Limiter }

var _ englimiter.Limiter = (*limits)(nil)

// limitPiece bounds how much passes at once, so that a new rate is obeyed soon.
const limitPiece = 16 << 10

func newLimits(upKiB, downKiB int) *limits {
	l := &limits{rate.NewLimiter(rate.Inf, limitPiece), rate.NewLimiter(rate.Inf, limitPiece)}
	l.set(upKiB, downKiB)
	return l
}

func (l *limits) set(upKiB, downKiB int) {
	for limiter, kib := range map[*rate.Limiter]int{l.up: upKiB, l.down: downKiB} {
		limit := rate.Inf
		if kib > 0 {
			limit = rate.Limit(kib << 10)
		}
		limiter.SetLimit(limit)
	}
}

func (l *limits) Upstream(r io.Reader) io.Reader         { return &limitedReader{r, l.up} }
func (l *limits) UpstreamWriter(w io.Writer) io.Writer   { return &limitedWriter{w, l.up} }
func (l *limits) Downstream(r io.Reader) io.Reader       { return &limitedReader{r, l.down} }
func (l *limits) DownstreamWriter(w io.Writer) io.Writer { return &limitedWriter{w, l.down} }

// Transport is not used: the limits are those of what is stored, not of requests.
func (l *limits) Transport(rt http.RoundTripper) http.RoundTripper { return rt }

type limitedReader struct {
	rd    io.Reader
	limit *rate.Limiter
}

func (r *limitedReader) Read(p []byte) (int, error) {
	if r.limit.Limit() == rate.Inf {
		return r.rd.Read(p)
	}
	n, err := r.rd.Read(p[:min(len(p), limitPiece)])
	pass(r.limit, n)
	return n, err
}

type limitedWriter struct {
	w     io.Writer
	limit *rate.Limiter
}

func (w *limitedWriter) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) && w.limit.Limit() != rate.Inf {
		piece := p[n:min(len(p), n+limitPiece)]
		pass(w.limit, len(piece))
		var m int
		m, err = w.w.Write(piece)
		n += m
	}
	if err == nil && n < len(p) {
		var m int
		m, err = w.w.Write(p[n:])
		n += m
	}
	return n, err
}

// pass waits until n bytes may pass, but looks once a second whether the rate has
// changed. The request's own end is what ends the wait early: its stream is closed
// then, and the next read fails.
func pass(limit *rate.Limiter, n int) {
	reserved := limit.ReserveN(time.Now(), n)
	for left := reserved.Delay(); left > 0 && limit.Limit() != rate.Inf; {
		step := min(left, time.Second)
		time.Sleep(step)
		left -= step
	}
}
