package rwm

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// ObservedTransport passes requests on and remembers how the last one failed. S3
// clients retry silently, so this is how a caller learns why something takes long.
type ObservedTransport struct {
	base http.RoundTripper

	mu   sync.Mutex
	last error
}

// ObserveTransport wraps base in an ObservedTransport. A [Manager] wraps its own
// transport.
func ObserveTransport(base http.RoundTripper) *ObservedTransport {
	return &ObservedTransport{base: base}
}

// RoundTrip implements [http.RoundTripper].
func (t *ObservedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if t == nil || t.base == nil {
		return nil, errors.New("there is no transport to observe")
	}
	response, err := t.base.RoundTrip(request)
	place := request.Method + " " + request.URL.Host + request.URL.Path
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.last = fmt.Errorf("%s: %w", place, err)
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		t.last = errors.New(place + ": the server answers " + response.Status)
	default:
		t.last = nil
	}
	return response, err
}

// LastFailure returns the error of the last request, or nil if it succeeded or none has
// ended.
func (t *ObservedTransport) LastFailure() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
