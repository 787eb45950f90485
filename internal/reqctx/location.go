package reqctx

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// RepeatLocation wraps a transport so that the question for a bucket's region is asked
// again when the connection breaks before the answer or within it. It is a client's
// first request, and minio-go repeats all but that one: a single broken connection
// ended a command. A server that cannot be connected to is not asked again.
func RepeatLocation(base http.RoundTripper) http.RoundTripper { return location{base} }

type location struct{ base http.RoundTripper }

func (l location) RoundTrip(request *http.Request) (*http.Response, error) {
	pause := 100 * time.Millisecond
	for try := 0; ; try++ {
		response, err := l.base.RoundTrip(request)
		asks := request.Method == http.MethodGet && (request.Body == nil || request.Body == http.NoBody) && request.URL.Query().Has("location")
		if asks && err == nil {
			response, err = whole(response)
		}
		if err == nil || !asks || try == 4 || !brokenOff(err) {
			return response, err
		}
		select {
		case <-request.Context().Done():
			return nil, err
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// whole reads the answer, which is some hundred bytes; a longer one is left as it is.
func whole(response *http.Response) (*http.Response, error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxLocation))
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	response.Body = rest{io.MultiReader(bytes.NewReader(text), response.Body), response.Body}
	return response, nil
}

const maxLocation = 64 << 10

type rest struct {
	io.Reader
	io.Closer
}

// brokenOff reports whether a connection was there and ended before the answer.
func brokenOff(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "read" || op.Op == "write"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
