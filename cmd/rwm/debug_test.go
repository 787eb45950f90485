package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// The debug log tells what was asked for, and nothing with which it could be asked for
// again.
func TestDebugLogHoldsNoSignature(t *testing.T) {
	const secret = "5ecre7cafe"
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: redacted}))
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	u, _ := url.Parse(srv.URL + "/b/k?versionId=v1&X-Amz-Signature=" + secret + "&X-Amz-Credential=" + secret)
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Authorization": {secret}}}
	resp, err := (&loggingTransport{http.DefaultTransport, log}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	log.Debug("retry", "error", &url.Error{Op: "Get", URL: u.String(), Err: errors.New("refused")}, "url", u,
		"header", http.Header{"X-Amz-Security-Token": {secret}})
	log.Debug("failed: " + u.String())
	log.With("url", u.String()).WithGroup("g").Debug("x", slog.Group("h", "e", errors.New(u.String())))
	if text := out.String(); strings.Contains(text, secret) || !strings.Contains(text, "versionId=v1") {
		t.Error(text)
	}
}
