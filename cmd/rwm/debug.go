package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/cesnet/rwm/rwm"
)

// transport logs every S3 request with --debug; otherwise it is nil, for the default.
func (a *app) transport() (http.RoundTripper, error) {
	if !a.cli.Debug {
		return nil, nil
	}
	base, err := rwm.NewTransport()
	if err != nil {
		return nil, err
	}
	return &loggingTransport{base, a.logger()}, nil
}

// loggingTransport names requests by method, path and query. Headers, which carry
// signatures, and bodies stay out of the log.
type loggingTransport struct {
	base http.RoundTripper
	log  *slog.Logger
}

func (t *loggingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := t.base.RoundTrip(req)
	attrs := []any{"method", req.Method, "path", req.URL.Path, "query", req.URL.RawQuery, "took", time.Since(start).Round(time.Microsecond)}
	if err != nil {
		t.log.Debug("request", append(attrs, "error", err)...)
	} else {
		t.log.Debug("request", append(attrs, "status", resp.StatusCode)...)
	}
	return resp, err
}
