package rwm

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Manager does what a configuration says. All its methods use one S3 client. It
// holds nothing open between calls and needs no closing; its methods may be
// called at the same time, but only one backup run is at work on a host.
type Manager struct {
	cfg         *Config
	client      *minio.Client
	transport   http.RoundTripper
	log         *slog.Logger
	now         func() time.Time
	hooks       hooks
	sessionOpts []restic.Option
	storeOpts   []s3state.Option
	store       *s3state.Store

	eventMu sync.Mutex
	events  func(Event)
}

// New makes a Manager for cfg, which must not be changed afterwards. It checks
// the whole configuration ([Config.Validate]) and sends nothing.
func New(cfg *Config, opts ...Option) (*Manager, error) {
	m := &Manager{cfg: cfg, log: slog.New(slog.DiscardHandler), now: time.Now, hooks: hooks{io.Discard, io.Discard}}
	for _, opt := range opts {
		opt(m)
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	if err := m.connect(); err != nil {
		return nil, err
	}
	storeOpts := []s3state.Option{s3state.WithLogger(m.log), s3state.WithClock(m.now)}
	if m.transport != nil {
		storeOpts = append(storeOpts, s3state.WithTransport(m.transport))
	}
	m.store = s3state.New(m.client, append(storeOpts, m.storeOpts...)...)
	return m, nil
}

func (m *Manager) validate() error {
	if m.client != nil {
		return m.cfg.validateRuns()
	}
	return m.cfg.Validate()
}

func (m *Manager) connect() error {
	if m.client != nil {
		return nil
	}
	if m.transport == nil {
		extras, err := parseExtras(m.cfg.BackupExtras)
		if err != nil {
			return m.cfg.source.at("backup_extras", "%s", err)
		}
		transport, err := NewTransport()
		if err != nil {
			return err
		}
		if m.transport, err = extras.HTTP.Transport(transport); err != nil {
			return m.cfg.source.at("backup_extras", "%s", err)
		}
	}
	var err error
	m.client, err = NewClient(m.cfg, m.transport)
	return err
}

// Client is the S3 client all methods use.
func (m *Manager) Client() *minio.Client { return m.client }

// Storage gives the operations on policed buckets, on the shared client.
func (m *Manager) Storage() *s3state.Store { return m.store }

// Location is where the configured repository lives.
func (m *Manager) Location() restic.Location { return restic.S3(m.client, m.cfg.ResticBucket, "") }

// OpenRepository opens the configured repository. The caller closes the session.
func (m *Manager) OpenRepository(ctx context.Context, opts ...restic.Option) (*restic.Session, error) {
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	return restic.Open(ctx, m.Location(), m.cfg.ResticPassword, m.sessionOptions(opts)...)
}

// InitRepository makes the configured repository in its bucket, which must be
// there, and opens it. The caller closes the session.
func (m *Manager) InitRepository(ctx context.Context, opts ...restic.Option) (*restic.Session, error) {
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	return restic.Init(ctx, m.Location(), m.cfg.ResticPassword, m.sessionOptions(opts)...)
}

func (m *Manager) sessionOptions(opts []restic.Option) []restic.Option {
	all := []restic.Option{restic.WithLogger(m.log), restic.WithClock(m.now)}
	return append(append(all, m.sessionOpts...), opts...)
}

// needRepository says what the configuration lacks for work on the repository.
func (m *Manager) needRepository() error {
	switch {
	case m.cfg.ResticBucket == "":
		return m.cfg.source.at("restic_bucket", "is missing or empty, and this needs the repository")
	case m.cfg.ResticPassword == "":
		return m.cfg.source.at("restic_password", "is missing or empty, and this needs the repository")
	}
	return nil
}
