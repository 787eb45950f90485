package reqctx_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cesnet/rwm/internal/reqctx"
)

var errWithin = errors.New("the connection breaks within the answer")

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRepeatLocation: the question for a region outlives a connection that breaks;
// other requests, which the client repeats, and servers that are not there do not.
func TestRepeatLocation(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for _, test := range []struct {
		method, query string
		err           error
		tries         int
	}{
		{"GET", "location=", reset, 2},
		{"GET", "location=", io.EOF, 2},
		{"GET", "location=", errWithin, 2},
		{"GET", "location=", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, 1},
		{"GET", "location=", errors.New("certificate is not trusted"), 1},
		{"GET", "versioning=", reset, 1},
		{"PUT", "location=", reset, 1},
	} {
		tries := 0
		rt := reqctx.RepeatLocation(roundTrip(func(*http.Request) (*http.Response, error) {
			switch tries++; {
			case tries == 1 && test.err == errWithin:
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}, nil
			case tries == 1:
				return nil, test.err
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("<LocationConstraint/>"))}, nil
		}))
		request, err := http.NewRequestWithContext(t.Context(), test.method, "http://s3.invalid/bucket/?"+test.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := rt.RoundTrip(request)
		if err == nil {
			if text, err := io.ReadAll(response.Body); err != nil || string(text) != "<LocationConstraint/>" {
				t.Errorf("%q, %v", text, err)
			}
		}
		if tries != test.tries || (err == nil) != (test.tries == 2) {
			t.Errorf("%s %s, %v: %d tries, %v", test.method, test.query, test.err, tries, err)
		}
	}
}
