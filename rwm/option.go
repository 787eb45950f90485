package rwm

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Option changes how a [Manager] works.
type Option func(*Manager)

// WithClient makes the Manager use client instead of one made from the
// configuration, whose s3_… values are then not needed. Give the client's
// transport with [WithTransport] too, if it is not minio-go's default.
func WithClient(client *minio.Client) Option { return func(m *Manager) { m.client = client } }

// WithTransport sets the HTTP transport of all S3 requests (default
// [NewTransport]).
func WithTransport(rt http.RoundTripper) Option { return func(m *Manager) { m.transport = rt } }

// WithLogger sets where details go that are of no interest to a caller, retries
// for instance (default: nowhere). Secrets are never logged.
func WithLogger(log *slog.Logger) Option { return func(m *Manager) { m.log = log } }

// WithClock replaces time.Now for what is recorded and compared.
func WithClock(now func() time.Time) Option { return func(m *Manager) { m.now = now } }

// WithEvents sets who is told about progress. Calls come one at a time, never
// after the method that caused them has returned, and hold up the work while
// they last.
func WithEvents(fn func(Event)) Option { return func(m *Manager) { m.events = fn } }

// WithOutput sets where hooks write, as they write it (default: nowhere). The two
// may be the same writer. An *os.File is given to the commands as it is.
func WithOutput(stdout, stderr io.Writer) Option {
	return func(m *Manager) { m.hooks = hooks{stdout, stderr} }
}

// WithSession adds options to every opening of the repository, the cache
// directory for instance.
func WithSession(opts ...restic.Option) Option {
	return func(m *Manager) { m.sessionOpts = append(m.sessionOpts, opts...) }
}

// WithStore adds options to the bucket operations, the number of parallel
// requests for instance.
func WithStore(opts ...s3state.Option) Option {
	return func(m *Manager) { m.storeOpts = append(m.storeOpts, opts...) }
}
