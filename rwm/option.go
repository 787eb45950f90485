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

// WithClient makes the Manager use client instead of making one from the configuration,
// whose s3_… values are then not needed.
func WithClient(client *minio.Client) Option { return func(m *Manager) { m.client = client } }

// WithTransport sets the HTTP transport of all S3 requests (default
// [NewTransport]).
func WithTransport(rt http.RoundTripper) Option { return func(m *Manager) { m.transport = rt } }

// WithLogger sets the logger for details such as retries (default: none). Secrets are
// never logged.
func WithLogger(log *slog.Logger) Option { return func(m *Manager) { m.log = log } }

// WithClock replaces time.Now for times that are recorded or compared.
func WithClock(now func() time.Time) Option { return func(m *Manager) { m.now = now } }

// WithEvents sets the function that receives progress events. Calls come one at a time
// and never after the method that caused them has returned. The operation waits for
// them.
func WithEvents(fn func(Event)) Option {
	if fn == nil {
		return func(*Manager) {}
	}
	return WithRunEvents(func(_ RunID, event Event) { fn(event) })
}

// WithRunEvents is [WithEvents], but fn also receives the ID of the run, which
// distinguishes the events of several runs, whether of one Manager or of many. The ID
// is empty for events outside of backup runs.
func WithRunEvents(fn func(RunID, Event)) Option {
	return func(m *Manager) {
		if fn != nil {
			m.onEvent = append(m.onEvent, fn)
		}
	}
}

// WithLockWait makes a backup run wait up to d for another run on this host to end. A
// [Waiting] event reports it. The default is not to wait.
func WithLockWait(d time.Duration) Option { return func(m *Manager) { m.lockWait = d } }

// WithOutput sets the writers that receive the output of hooks as it comes (default: it
// is discarded). Both may be the same writer. An *os.File is passed to the commands
// directly.
func WithOutput(stdout, stderr io.Writer) Option {
	return func(m *Manager) { m.hooks = hooks{stdout, stderr} }
}

// WithSessionOptions adds options for opening the repository, such as the cache
// directory.
func WithSessionOptions(opts ...restic.Option) Option {
	return func(m *Manager) { m.sessionOpts = append(m.sessionOpts, opts...) }
}

// WithStoreOptions adds options for the bucket operations, such as the number of
// parallel requests.
func WithStoreOptions(opts ...s3state.Option) Option {
	return func(m *Manager) { m.storeOpts = append(m.storeOpts, opts...) }
}
