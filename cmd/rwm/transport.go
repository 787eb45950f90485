package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/cesnet/rwm/internal/redact"
	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/rwm"
)

// transport is what S3 requests go through: that of package rwm, with restic's
// flags for certificates (or those in backup_extras) and, with --debug, a log.
func (a *app) transport(cfg *rwm.Config) (http.RoundTripper, error) {
	base, err := rwm.NewTransport()
	if err != nil {
		return nil, err
	}
	flags := a.httpFlags(cfg)
	rt, err := flags.Transport(a.ctx, base)
	if err != nil {
		return nil, usageError{err}
	}
	if a.cli.Debug {
		rt = &loggingTransport{rt, a.logger()}
	}
	a.observed = rwm.ObserveTransport(rt)
	return a.observed, nil
}

// httpFlags are restic's flags for HTTP, from the command line or the backups' extras.
func (a *app) httpFlags(cfg *rwm.Config) resticflags.HTTP {
	flags := a.cli.Restic.HTTP
	if !flags.Given() {
		var each [][]string
		for _, name := range cfg.BackupNames() {
			each = append(each, cfg.Backups[name].Extras)
		}
		// What is wrong with them is found by rwm.New.
		if client, err := resticflags.ParseClient(os.Getenv, cfg.BackupExtras, each...); err == nil {
			flags = client.HTTP
		}
	}
	return flags
}

// loggingTransport names requests by method, path and query. Headers and parameters
// that carry signatures, and bodies, stay out of the log.
type loggingTransport struct {
	base http.RoundTripper
	log  *slog.Logger
}

func (t *loggingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := t.base.RoundTrip(req)
	attrs := []any{"method", req.Method, "path", req.URL.Path, "query", redact.Query(req.URL.RawQuery), "took", time.Since(start).Round(time.Microsecond)}
	if err != nil {
		t.log.Debug("request", append(attrs, "error", err)...)
	} else {
		t.log.Debug("request", append(attrs, "status", resp.StatusCode)...)
	}
	return resp, err
}
